// The secret stands behind the #, which browsers send to no server: only the click sends it, so that a program that
// previews links does not use it up.
"use strict";

const form = document.getElementById("link");
const show = () => {
  const secret = location.hash.slice(1);
  form.elements.secret.value = secret;
  form.hidden = !secret;
  document.getElementById("incomplete").hidden = Boolean(secret);
};
show();
window.addEventListener("hashchange", show);
