"""역전파(backpropagation): 손실의 미분을 연쇄 법칙으로 뒤에서 앞으로 전해 모든 기울기를 한 번에 구한다.

식을 계산 그래프로 바꾸고, 노드마다 위에서 내려온 미분에 자기 자리의 미분을 곱해 넘긴다. 갈래에서는 더한다.

$$ \\frac{\\partial L}{\\partial x} = \\sum_{y \\in \\mathrm{out}(x)} \\frac{\\partial L}{\\partial y}
   \\cdot \\frac{\\partial y}{\\partial x} $$

출처: Rumelhart, Hinton & Williams (1986), "Learning representations by back-propagating errors", Nature 323.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go
import torch

from models.concept import Computation, Computed, Concept, ConceptError, Control, Demo
from models.figures import BLUE, GREY, RED, titled
from models.learning.activation import value_and_slope
from models.reading import NUMBER, has, to_number, written


@dataclass(eq=False)
class Node:
    """One number of a graph; ``parents`` are the nodes it was computed from, each with the local derivative."""

    label: str
    value: float
    parents: tuple[tuple[Node, float], ...] = ()
    gradient: float = field(default=0.0, init=False)


def _activation(name: str) -> Callable[[float], tuple[float, float]]:
    def value_and_local(a: float) -> tuple[float, float]:
        value, slope = value_and_slope(name, torch.tensor(a, dtype=torch.float64))
        return value.item(), slope.item()

    return value_and_local


# 연산: (값, 두 입력에 대한 자기 자리의 미분)
BINARY: dict[type, tuple[str, Callable[[float, float], float], Callable[[float, float], tuple[float, float]]]] = {
    ast.Add: ("+", lambda a, b: a + b, lambda a, b: (1.0, 1.0)),  # 받은 미분을 그대로
    ast.Sub: ("-", lambda a, b: a - b, lambda a, b: (1.0, -1.0)),
    ast.Mult: ("×", lambda a, b: a * b, lambda a, b: (b, a)),  # 상대편의 값을 곱해서
    ast.Div: ("÷", lambda a, b: a / b, lambda a, b: (1 / b, -a / b**2)),
    ast.Pow: ("^", lambda a, b: a**b, lambda a, b: (b * a ** (b - 1) if b else 0.0, 0.0)),  # 지수는 상수만
}
UNARY: dict[str, Callable[[float], tuple[float, float]]] = {
    "exp": lambda a: (math.exp(a), math.exp(a)),
    "log": lambda a: (math.log(a), 1 / a),
    **{name: _activation(name) for name in ("sigmoid", "tanh", "relu")},
}


def build(expression: str, variables: Mapping[str, float]) -> tuple[Node, list[Node]]:
    """The graph of ``expression`` over ``variables``; a variable used twice is one node.

    Returns the output node and all nodes in forward order.

    Raises:
        ConceptError: something else than + - * / **, ``UNARY``, numbers and the variables, or no value (1 / 0).
    """
    try:
        tree = ast.parse(expression.replace("^", "**").strip(), mode="eval").body
    except SyntaxError:
        raise ConceptError(f"식(expression)={expression!r}: 읽을 수 없는 식입니다. 예: (x + y) * z") from None
    leaves: dict[str, Node] = {}
    order: list[Node] = []

    def made(node: Node) -> Node:
        if not isinstance(node.value, float) or not math.isfinite(node.value):
            raise OverflowError
        order.append(node)
        return node

    def visit(part: ast.AST) -> Node:
        match part:
            case ast.Constant(value=int() | float() as number):
                return made(Node(f"{number:g}", float(number)))
            case ast.Name(id=name) if name in variables:
                if name not in leaves:
                    leaves[name] = made(Node(name, float(variables[name])))
                return leaves[name]
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                child = visit(inner)
                return made(Node("-", -child.value, ((child, -1.0),)))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in BINARY:
                a, b = visit(left), visit(right)
                if isinstance(op, ast.Pow) and (b.parents or b.label in leaves):
                    raise ConceptError(f"식(expression)={expression!r}: 지수는 숫자여야 합니다.")
                label, value, local = BINARY[type(op)]
                pairs = tuple(zip((a, b), local(a.value, b.value), strict=True))
                return made(Node(label, value(a.value, b.value), pairs))
            case ast.Call(func=ast.Name(id=name), args=[inner], keywords=[]) if name in UNARY:
                child = visit(inner)
                result, slope = UNARY[name](child.value)
                return made(Node(name, result, ((child, slope),)))
        usable = f"{', '.join(variables)}, 숫자, + - * / ^와 {', '.join(UNARY)}"
        raise ConceptError(f"식(expression)={expression!r}: {usable}만 쓸 수 있습니다.")

    try:
        output = visit(tree)
        if not leaves:
            raise ConceptError(f"식(expression)={expression!r}: {', '.join(variables)} 가운데 하나는 있어야 합니다.")
        return output, order
    except ConceptError:
        raise
    except (ArithmeticError, ValueError):
        raise ConceptError(f"식(expression)={expression!r}: 이 값에서는 계산할 수 없습니다(0으로 나누기 등).") from None


def backward(output: Node, order: list[Node]) -> None:
    """Fill in ``gradient`` of every node in ``order`` (forward order): one sweep from the output back."""
    for node in order:
        node.gradient = 0.0
    output.gradient = 1.0  # ∂L/∂L
    for node in reversed(order):
        for parent, local in node.parents:
            parent.gradient += node.gradient * local  # 위에서 온 미분 × 자기 자리의 미분, 갈래는 더한다


def gradients(expression: str, variables: Mapping[str, float]) -> tuple[float, dict[str, float]]:
    """The value of ``expression`` and its derivative with respect to each variable in it. Raises as ``build``."""
    output, order = build(expression, variables)
    backward(output, order)
    return output.value, {node.label: node.gradient for node in order if not node.parents and node.label in variables}


def finite_difference(expression: str, variables: Mapping[str, float], name: str, h: float = 1e-5) -> float:
    """(f(x+h) - f(x-h)) / 2h for one variable; nan where a side has no value."""
    try:
        up, down = (build(expression, {**variables, name: variables[name] + s * h})[0].value for s in (1, -1))
    except ConceptError:
        return math.nan
    return (up - down) / (2 * h)


CODE = """\
import torch
from torch import exp, log, relu, sigmoid, tanh

x, y, z = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in ({x}, {y}, {z}))
f = {expression}
f.backward()                       # 뒤에서 앞으로 연쇄 법칙
print("f =", f.item())
print("기울기:", [None if v.grad is None else v.grad.item() for v in (x, y, z)])
"""


def _drawn(order: list[Node]) -> go.Figure:
    depth: dict[int, int] = {}
    columns: dict[int, list[Node]] = {}
    for node in order:
        depth[id(node)] = 1 + max((depth[id(p)] for p, _ in node.parents), default=-1)
        columns.setdefault(depth[id(node)], []).append(node)
    at = {id(n): (d, (len(ns) - 1) / 2 - i + 0.13 * (d % 2)) for d, ns in columns.items() for i, n in enumerate(ns)}
    figure = go.Figure().update_layout(showlegend=False)
    for node in order:
        for parent, local in node.parents:
            (x0, y0), (x1, y1) = at[id(parent)], at[id(node)]
            figure.add_scatter(x=[x0, x1], y=[y0, y1], mode="lines", line_color=GREY, hoverinfo="skip")
            figure.add_annotation(x=(x0 + x1) / 2, y=(y0 + y1) / 2, text=f"×{written(local)}", showarrow=False,
                                  font={"color": GREY, "size": 11}, bgcolor="white")
    xs, ys = zip(*(at[id(n)] for n in order), strict=True)
    circle = {"size": 44, "color": "white", "line": {"color": BLUE, "width": 2}}
    figure.add_scatter(x=xs, y=ys, mode="markers+text", marker=circle, text=[n.label for n in order], hoverinfo="skip")
    for node in order:
        (x, y), told = at[id(node)], (f"값 {written(node.value)}", f"기울기 {written(node.gradient)}")
        for text, colour, shift in zip(told, (BLUE, RED), (34, -34), strict=True):
            figure.add_annotation(x=x, y=y, yshift=shift, text=text, font_color=colour, showarrow=False)
    figure.update_xaxes(showticklabels=False, showgrid=False, zeroline=False, range=[-0.6, max(xs) + 0.6])
    figure.update_yaxes(showticklabels=False, showgrid=False, zeroline=False, range=[min(ys) - 0.8, max(ys) + 0.8])
    return figure


def demo(*, expression: str = "(x + y) * z", x: float = 3.0, y: float = -1.0, z: float = 2.0) -> Demo:
    """The graph of the reader's expression with the value and gradient of every node, and a check by differences."""
    variables = {"x": x, "y": y, "z": z}
    output, order = build(expression, variables)
    backward(output, order)
    found = {n.label: n.gradient for n in order if not n.parents and n.label in variables}
    figure = titled(_drawn(order), f"계산 그래프: f = {expression} = {written(output.value)}", "순전파 방향", "노드", height=460)
    detail, widths = go.Figure(), [10.0**-k for k in range(1, 13)]
    for name, exact in found.items():
        errors = [abs(finite_difference(expression, variables, name, h) - exact) + 1e-17 for h in widths]
        detail.add_scatter(x=widths, y=errors, mode="lines+markers", name=f"∂f/∂{name}")
    titled(detail, "수치 미분의 오차: 간격 h가 너무 커도, 너무 작아도 커진다", "h", "역전파와의 차이")
    detail.update_xaxes(type="log").update_yaxes(type="log", exponentformat="power")
    told = ", ".join(f"∂f/∂{name} = {written(slope)}" for name, slope in found.items())
    return Demo(
        figure=figure,
        numbers={"f의 값": written(output.value), **{f"∂f/∂{k}": written(v) for k, v in found.items()},
                 "노드 수": len(order)},
        text=f"뒤에서 앞으로 한 번 훑어 {told}를 구했습니다. 수치 미분이라면 변수마다 식을 두 번씩 계산합니다.",
        code=CODE.format(expression=expression.replace("^", "**"), x=x, y=y, z=z),
        detail=detail,
    )


_EXPRESSION = re.compile(r"=\s*((?:exp|log|sigmoid|tanh|relu|[a-z]|[\d.+\-*/^()×\s])+)")
_ASSIGNED = re.compile(rf"(?<![a-z])([a-z])\s*(?:=|가|는|이)\s*({NUMBER})(?!\s*[*/^+(a-z])")

_WANTED = re.compile(r"[∂d][a-z]?\s*/\s*[∂d]\s*([a-z])|(?<![a-z])([a-z])(?:의|에\s*대한)\s*(?:기울기|미분|편미분|그래)")


def _parse(question: str) -> Mapping[str, Any] | None:
    if not has(question, ("기울기", "미분", "역전파", "df/d", "dl/d", "gradient", "∂", "그래디언트", "dy/d")):
        return None
    variables = {name: to_number(number) for name, number in _ASSIGNED.findall(question)}
    for match in _EXPRESSION.finditer(question):
        text = re.sub(r"(\d)\s*(?=[a-z(])", r"\1*", match[1].replace("×", "*").replace("²", "^2")).strip()
        names, wanted = set(re.findall(r"[a-z]+", text)) - set(UNARY), _WANTED.search(question)
        if not names or not re.search(r"[-+*/^(]", text) or not names <= set(variables) or len(text) > 80:
            continue
        name = (wanted[1] or wanted[2]) if wanted else None
        try:
            build(text, {n: variables[n] for n in names})
        except ConceptError:
            return None
        if name is None or name in names:
            return {"expression": text, "variables": {n: variables[n] for n in sorted(names)}, "name": name}
    return None


def _run(expression: str, variables: dict[str, float], name: str | None) -> Computed:
    value, found = gradients(expression, variables)
    told = ", ".join(f"∂f/∂{k} = {written(v)}" for k, v in sorted(found.items()))
    at = ", ".join(f"{k}={written(v)}" for k, v in variables.items())
    rule = "\\frac{\\partial L}{\\partial x} = \\frac{\\partial L}{\\partial y} \\cdot \\frac{\\partial y}{\\partial x}"
    return Computed(written(found[name]) if name else told,
                    f"{at}에서 순전파로 {expression} = {written(value)}, 연쇄 법칙을 쓰면 {told}입니다.", f"${rule}$")


CONCEPT = Concept(
    slug="backpropagation",
    title="역전파",
    aliases=("backpropagation", "back propagation", "back-propagation", "backprop", "오차 역전파", "연쇄 법칙",
             "연쇄법칙", "체인룰", "chain rule", "계산 그래프", "순전파", "수치 미분"),
    summary="손실의 미분을 뒤에서 앞으로 전해 모든 가중치의 기울기를 한 번에 구한다.",
    demo=demo,
    controls=(
        Control("expression", "식", "(x + y) * z", max_length=60,
                pattern=r"f\s*=\s*([-+*/^()\d.\sxyz]*[xyz][-+*/^()\d.\sxyz]*[xyz\d)])"),
        Control("x", "x", 3.0, -10.0, 10.0, 0.1, words=("x",)),
        Control("y", "y", -1.0, -10.0, 10.0, 0.1, words=("y",)),
        Control("z", "z", 2.0, -10.0, 10.0, 0.1, words=("z",)),
    ),
    computations=(Computation("gradient", _parse, _run, "역전파 연쇄 법칙 기울기"),),
)
