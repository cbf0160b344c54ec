"""``/docs``: the reference, made from the OpenAPI description; the usual page loads its scripts from elsewhere."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

_STYLE = """body{font-family:system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;line-height:1.5}
details{border:1px solid #ccc;border-radius:.5rem;margin:.6rem 0;padding:.5rem 1rem}summary{cursor:pointer}
code.m{display:inline-block;width:4rem;font-weight:bold}pre{background:#f5f5f5;padding:.8rem;overflow:auto;border-radius:.4rem}
textarea,input{font:inherit;font-family:monospace;width:100%;box-sizing:border-box}
td,th{text-align:left;padding:.2rem .8rem .2rem 0}
@media(prefers-color-scheme:dark){body{background:#111;color:#eee}pre{background:#222}}"""

_SCRIPT = """document.addEventListener('submit', async event => {
  event.preventDefault();
  const form = event.target, out = form.querySelector('output');
  let path = form.dataset.path;
  const query = new URLSearchParams();
  for (const field of form.querySelectorAll('input')) {
    if (field.dataset.in === 'path')
      path = path.replace('{' + field.name + '}', field.value.split('/').map(encodeURIComponent).join('/'));
    else if (field.value) query.set(field.name, field.value);
  }
  const body = form.querySelector('textarea');
  out.textContent = '…';
  const answer = await fetch(path + (query.size ? '?' + query : ''), {method: form.dataset.method,
    headers: body ? {'Content-Type': 'application/json'} : {}, body: body ? body.value : undefined});
  const text = await answer.text();
  let shown = text;
  try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { shown = text; }
  out.textContent = answer.status + '\\n' + shown;
});"""


@router.get("/docs")
def docs(request: Request) -> HTMLResponse:
    """The page."""
    described = request.app.openapi()
    schemas = described.get("components", {}).get("schemas", {})
    operations = "".join(
        _operation(method, path, operation, schemas)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    )
    title, version = html.escape(described["info"]["title"]), html.escape(described["info"]["version"])
    return HTMLResponse(
        f'<!doctype html><html lang="ko"><meta charset="utf-8"><title>{title} API</title><style>{_STYLE}</style>'
        f"<h1>{title} API {version}</h1><p>{html.escape(described['info'].get('description', ''))} "
        f'<a href="/openapi.json">openapi.json</a></p>{operations}<script>{_SCRIPT}</script></html>'
    )


def _operation(method: str, path: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    parts = [
        f'<details id="{html.escape(operation["operationId"])}"><summary><code class="m">{method.upper()}</code>'
        f"<code>{html.escape(path)}</code> {html.escape(operation.get('summary', ''))}</summary>"
        f"<p>{html.escape(operation.get('description', ''))}</p>",
        f'<form data-method="{method.upper()}" data-path="{html.escape(path.replace(":path}", "}"))}">',
    ]
    for field in operation.get("parameters", ()):
        parts.append(
            f"<label>{html.escape(field['name'])} {html.escape(field.get('description', ''))}"
            f'<input name="{html.escape(field["name"])}" data-in="{field["in"]}"></label>'
        )
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body:
        parts.append(f'<textarea rows="6" aria-label="본문">{_pretty(example(body, schemas))}</textarea>')
    parts.append("<button>보내기</button><pre><output></output></pre></form>")
    if body:
        parts.append(f"<h4>본문</h4><table>{_fields(body, schemas)}</table>")
    for status, response in operation.get("responses", {}).items():
        schema = response.get("content", {}).get("application/json", {}).get("schema")
        fields = f"<table>{_fields(schema, schemas)}</table>" if schema else ""
        parts.append(f"<h4>{html.escape(status)} {html.escape(response.get('description', ''))}</h4>{fields}")
    return "".join([*parts, "</details>"])


def example(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """A value of the schema: its own example, or one made of its required fields and defaults."""
    schema = _resolved(schema, schemas)
    if schema.get("examples"):
        return schema["examples"][0]
    if "default" in schema:
        return schema["default"]
    if "properties" in schema:
        needed = schema.get("required", ())
        return {
            name: example(kind, schemas)
            for name, kind in schema["properties"].items()
            if name in needed or "default" in kind
        }
    return {"string": "", "integer": 0, "number": 0, "boolean": False, "array": [], "object": {}}.get(
        str(schema.get("type"))
    )


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return schemas[name] if name else schema


def _fields(schema: Mapping[str, Any], schemas: Mapping[str, Any], prefix: str = "", depth: int = 0) -> str:
    return "".join(
        f"<tr><td><code>{html.escape(name)}</code></td><td>{html.escape(kind)}</td><td>{html.escape(said)}</td></tr>"
        for name, kind, said in _rows(schema, schemas, prefix, depth)
    )


def _rows(
    schema: Mapping[str, Any], schemas: Mapping[str, Any], prefix: str, depth: int
) -> Iterator[tuple[str, str, str]]:
    schema = _resolved(schema, schemas)
    if schema.get("type") == "array":
        yield from _rows(schema.get("items", {}), schemas, f"{prefix}[].", depth)
        return
    for name, kind in schema.get("properties", {}).items():
        yield prefix + name, _kind(kind), kind.get("description", "")
        inner = _resolved(kind, schemas)
        if depth < 2 and (inner.get("type") == "array" or "properties" in inner):
            yield from _rows(inner, schemas, prefix + name + ("" if inner.get("type") == "array" else "."), depth + 1)


def _kind(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "anyOf" in schema:
        return " | ".join(_kind(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"{_kind(schema.get('items', {}))}[]"
    return str(schema.get("const") or schema.get("type", "any"))


def _pretty(value: Any) -> str:
    return html.escape(json.dumps(value, ensure_ascii=False, indent=2))
