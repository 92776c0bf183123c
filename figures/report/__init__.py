"""Pictures of a page: single panels and charts as SVG that follows the reader's colour scheme."""
