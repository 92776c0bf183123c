"""Reports: one HTML page of an evaluation or a refinement, complete in itself.

content        what a page is made of, as frozen dataclasses
of_evaluation  an evaluation's page
of_refinement  a refinement's page
cases          panels of one model, true and predicted; its gathers
settings       tables of what runs, survey and machine were
page           from content to HTML: the template, styles and script in this folder
"""
