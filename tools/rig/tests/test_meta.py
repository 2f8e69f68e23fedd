# SPDX-License-Identifier: MIT
"""Meta-tests cover every oracle, and judge by the right oracle and reason."""

from types import SimpleNamespace

from xerig import meta, oracles
from xerig.oracles import Finding


def res(*findings, samples=()):
    return SimpleNamespace(findings=list(findings), verdict="dirty", oracles=lambda: [f.oracle for f in findings],
                           samples=dict(samples))


def test_every_oracle_has_one():
    assert {m.oracle for m in meta.TESTS} == set(oracles.names())


def test_red_for_the_right_reason_only():
    m = next(m for m in meta.TESTS if m.text == "dma_iova_unlink")
    assert meta.judge(m, res(Finding("klog", "oops", "a\n dma_iova_unlink+0x2b\n"))) is None
    assert "oops" in meta.judge(m, res(Finding("klog", "oops", "something else")))
    silent = meta.judge(m, res(Finding("rig", "dma_iova_unlink"), samples={"before": oracles.Sample(512, 600, 0)}))
    assert "silent" in silent and "KiB free: before 512" in silent
    assert "KiB free: not asked" in meta.judge(m, res())
