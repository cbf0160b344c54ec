"""What both training runs share: the schedule, checkpoints that resume, the log. Nothing is pickled."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn


@dataclass(frozen=True)
class Plan:
    """How long and how fast. ``steps``: optimizer steps; ``warmup``: the part of them that warms up."""

    steps: int
    rate: float
    warmup: float = 0.06
    seed: int = 0
    log_every: int = 20
    save_every: int = 100

    def rate_at(self, step: int) -> float:
        """Linear warm-up, then a cosine down to a twentieth."""
        warm = max(1, int(self.steps * self.warmup))
        if step < warm:
            return self.rate * (step + 1) / warm
        done = (step - warm) / max(1, self.steps - warm)
        return self.rate * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done)))


def device() -> torch.device:
    """The GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast() -> torch.autocast:
    """bf16 on both kinds of machine."""
    return torch.autocast(device().type, dtype=torch.bfloat16)


def optimizer_for(model: nn.Module, rate: float) -> torch.optim.AdamW:
    """AdamW; no decay on vectors (norms, biases)."""
    decayed = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    rest = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    return torch.optim.AdamW([{"params": decayed, "weight_decay": 0.01}, {"params": rest, "weight_decay": 0.0}], lr=rate, betas=(0.9, 0.98))


class Run:
    """One training run in a folder: ``log.jsonl``, and a checkpoint that is replaced whole."""

    def __init__(self, folder: Path, model: nn.Module, optimizer: torch.optim.AdamW, plan: Plan) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.model, self.optimizer, self.plan = folder, model, optimizer, plan
        self.step = 0
        self._began = time.monotonic()
        self._losses: list[float] = []

    def resume(self) -> bool:
        """Go on from the checkpoint, where there is one."""
        path = self.folder / "checkpoint.safetensors"
        if not path.is_file():
            return False
        stored = load_file(path)
        self.model.load_state_dict({k.removeprefix("model."): v for k, v in stored.items() if k.startswith("model.")})
        state = self.optimizer.state_dict()
        names = sorted({k.split(".")[1] for k in stored if k.startswith("adam.")}, key=int)
        state["state"] = {int(n): {part: stored[f"adam.{n}.{part}"] for part in ("step", "exp_avg", "exp_avg_sq")} for n in names}
        self.optimizer.load_state_dict(state)
        self.step = int(stored["step"])
        return True

    def save(self) -> None:
        """Write the checkpoint."""
        tensors = {f"model.{k}": v.detach().cpu().contiguous() for k, v in self.model.state_dict().items()}
        for number, state in self.optimizer.state_dict()["state"].items():
            for part, tensor in state.items():
                tensors[f"adam.{number}.{part}"] = torch.as_tensor(tensor).detach().cpu().clone()
        tensors["step"] = torch.tensor(self.step)
        partial = self.folder / "checkpoint.partial"
        save_file(tensors, partial)
        os.replace(partial, self.folder / "checkpoint.safetensors")

    def steps(self) -> Iterator[int]:
        """The steps still to do, with the rate set for each."""
        while self.step < self.plan.steps:
            for group in self.optimizer.param_groups:
                group["lr"] = self.plan.rate_at(self.step)
            yield self.step
            self.step += 1
            if self.step % self.plan.save_every == 0:
                self.save()

    def update(self, loss: torch.Tensor, carry_on: Callable[[], None] = lambda: None) -> None:
        """One step downhill. ``carry_on``: takes the gradient further, where the loss does not reach the model (``grad_cache``)."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        carry_on()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self._losses.append(loss.item())
        if (self.step + 1) % self.plan.log_every == 0:
            self.log({"loss": round(sum(self._losses) / len(self._losses), 4)})
            self._losses.clear()

    def log(self, facts: dict[str, Any]) -> None:
        """A line in ``log.jsonl``, and on the screen."""
        row = {"step": self.step + 1, "of": self.plan.steps, "seconds": round(time.monotonic() - self._began), **facts}
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)
