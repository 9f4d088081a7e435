"use strict";
(function () {
  var table = document.getElementById("rows");
  var body = table.tBodies[0];
  var heads = Array.prototype.slice.call(table.tHead.rows[0].cells);
  function text(row, column) {
    return row.cells[column].textContent.trim();
  }
  function sort(head, column) {
    var up = head.getAttribute("aria-sort") !== "ascending";
    heads.forEach(function (other) {
      other.removeAttribute("aria-sort");
    });
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    var rows = Array.prototype.slice.call(body.rows);
    rows.sort(function (a, b) {
      var order = text(a, column).localeCompare(text(b, column), "en", { numeric: true });
      return up ? order : -order;
    });
    rows.forEach(function (row) {
      body.appendChild(row);
    });
  }
  heads.forEach(function (head, column) {
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", function () {
      sort(head, column);
    });
    head.textContent = "";
    head.appendChild(button);
  });
  var label = document.createElement("label");
  label.htmlFor = "find";
  label.textContent = "Show only rows that contain ";
  var input = document.createElement("input");
  input.id = "find";
  input.type = "search";
  input.addEventListener("input", function () {
    var wanted = input.value.toLowerCase();
    Array.prototype.forEach.call(body.rows, function (row) {
      row.hidden = row.textContent.toLowerCase().indexOf(wanted) < 0;
    });
  });
  var finder = document.getElementById("finder");
  finder.appendChild(label);
  finder.appendChild(input);
})();
