"use strict";

// Without this script all cases stand one after the other, and nothing is missing.
function tabs(cases) {
  const articles = [...cases.querySelectorAll(":scope > .case")];
  if (articles.length < 2) return;
  const list = document.createElement("div");
  list.className = "tabs";
  list.setAttribute("role", "tablist");
  const buttons = articles.map((article, number) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = article.querySelector("h3").textContent;
    button.setAttribute("role", "tab");
    button.addEventListener("click", () => show(number));
    article.setAttribute("role", "tabpanel");
    article.setAttribute("aria-label", button.textContent);
    list.append(button);
    return button;
  });
  function show(chosen) {
    articles.forEach((article, number) => { article.hidden = number !== chosen; });
    buttons.forEach((button, number) => {
      button.setAttribute("aria-selected", number === chosen);
      button.tabIndex = number === chosen ? 0 : -1;
    });
  }
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = (buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length;
    show(next);
    buttons[next].focus();
  });
  cases.classList.add("tabbed");
  cases.prepend(list);
  show(0);
}

// Two pictures of a row, one over the other, and an edge between them that is drawn across.
function compare(row) {
  const pictures = [...row.querySelectorAll(".pictures .picture")];
  if (pictures.length < 2) return;
  const box = document.createElement("div");
  box.className = "compare";
  const choose = document.createElement("div");
  choose.className = "choose";
  const stack = document.createElement("div");
  stack.className = "stack";
  const [after, before] = ["after", "before"].map((name) => {
    const image = document.createElement("img");
    image.className = name;
    image.draggable = false;
    stack.append(image);
    return image;
  });
  const edge = document.createElement("div");
  edge.className = "edge";
  edge.style.marginTop = `${100 * EDGES.top}%`;
  edge.style.marginBottom = `${100 * EDGES.bottom}%`;
  stack.append(edge);
  const selects = [["Left of the edge", 0], ["Right of the edge", pictures.length - 1]].map(([text, first]) => {
    const label = document.createElement("label");
    const select = document.createElement("select");
    pictures.forEach((picture, number) => select.add(new Option(picture.querySelector(".over").textContent, number)));
    select.selectedIndex = first;
    select.addEventListener("change", draw);
    label.append(text, select);
    choose.append(label);
    return select;
  });
  const slider = document.createElement("input");
  Object.assign(slider, { type: "range", min: 0, max: 100, step: 0.5, value: 50 });
  slider.setAttribute("aria-label", "Place of the edge between the two pictures, in percent");
  slider.style.marginLeft = `calc(${100 * EDGES.left}% - 8px)`;
  slider.style.width = `calc(${100 * (EDGES.right - EDGES.left)}% + 16px)`;
  slider.addEventListener("input", draw);
  function draw() {
    [before, after].forEach((image, side) => {
      const source = pictures[selects[side].selectedIndex].querySelector("img");
      if (image.src !== source.src) image.src = source.src;
      image.alt = source.alt;
    });
    const place = 100 * (EDGES.left + (EDGES.right - EDGES.left) * slider.value / 100);
    before.style.clipPath = `inset(0 ${100 - place}% 0 0)`;
    edge.style.left = `calc(${place}% - 1px)`;
  }
  function follow(event) {
    const frame = stack.getBoundingClientRect();
    const share = (event.clientX - frame.left) / frame.width;
    slider.value = 100 * (share - EDGES.left) / (EDGES.right - EDGES.left);
    draw();
  }
  stack.addEventListener("pointerdown", (event) => { stack.setPointerCapture(event.pointerId); follow(event); });
  stack.addEventListener("pointermove", (event) => { if (event.buttons) follow(event); });
  box.append(choose, stack, slider);
  row.querySelector(".top").prepend(box);
  draw();
}

document.querySelectorAll(".row.compared").forEach(compare);
document.querySelectorAll(".cases").forEach(tabs);
