"""The sweeps as pictures: SVG with a white ground of its own, so that it can be
read on a dark page too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from competitors import COMPETITORS
from results import median_s, of_sweep

COLORS = {
    "floor": ["#777777"],
    "manual": ["#0072b2", "#56b4e9"],
    "ref": ["#d55e00", "#e69f00"],
    "torch": ["#009e73"],
}
STYLE = {
    "svg.fonttype": "none",  # text stays text: small, and searchable
    "svg.hashsalt": "gradsheet",  # the same figures, the same file
    "font.size": 9,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#e4e4e4",
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "lines.markersize": 3.5,
}


def looks(names: list[str]) -> dict[str, dict[str, Any]]:
    """How each competitor is drawn: a color of its group's; the floor is dashed."""
    unused = {group: iter(colors) for group, colors in COLORS.items()}
    return {
        name: {
            "color": next(unused[COMPETITORS[name].group], "#000000"),
            "label": name,
            "marker": "" if name == "floor" else "o",
            "linestyle": "--" if name == "floor" else "-",
        }
        for name in names
    }


def draw(run: dict[str, Any], machine: str, folder: Path) -> None:
    """Writes cost.svg and compile.svg."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE):
        for name, figure in (("cost", cost(plt, run)), ("compile", compiling(plt, run))):
            figure.supxlabel(f"{machine}; {run['dtype']}, one thread", fontsize=7, color="#777777")
            figure.savefig(folder / f"{name}.svg", facecolor="white", metadata={"Date": None})
            plt.close(figure)


def cost(plt: Any, run: dict[str, Any]) -> Any:
    """Seconds a pass against its work, a panel a sweep."""
    sweeps = list(dict.fromkeys(name.split()[0] for name in run["sizes"]))
    figure, panels = plt.subplots(
        1, len(sweeps), sharey=True, figsize=(9, 3.6), layout="constrained"
    )
    for panel, sweep in zip(panels, sweeps, strict=True):
        cases = of_sweep(run, sweep)
        work = [case["flop"] for case in cases.values()]
        for name, look in looks(list(next(iter(cases.values()))["competitors"])).items():
            panel.loglog(work, [median_s(case, name) for case in cases.values()], **look)
        panel.set_title(f"{sweep} {min(cases)} to {max(cases)}", fontsize=9)
        panel.set_xlabel("floating-point operations of the products")
    panels[0].set_ylabel("seconds for loss and gradients")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=6)
    return figure


def compiling(plt: Any, run: dict[str, Any]) -> Any:
    """Seconds to compile against the number of layers."""
    figure, panel = plt.subplots(figsize=(5, 3), layout="constrained")
    cases = of_sweep(run, "depth")
    everybody = looks(list(next(iter(cases.values()))["competitors"]))
    for name in next(iter(cases.values()))["compile_s"]:
        panel.plot(
            list(cases), [case["compile_s"][name] for case in cases.values()], **everybody[name]
        )
    panel.set(
        xlabel="layers of 32 units", ylabel="seconds to compile", ylim=(0, None), xlim=(0, None)
    )
    panel.legend()
    return figure
