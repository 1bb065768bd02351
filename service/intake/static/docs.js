// A file of its own: the page's policy forbids scripts inside the page. No validator: it would ask another host.
"use strict";

window.SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#interface",
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
});
