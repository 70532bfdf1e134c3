"""Shares of the largest loss, by hand."""

from __future__ import annotations

import pytest
import torch

from trainer.interpretation.maxima import shares_of_maximum


def test_ties_count_in_equal_parts() -> None:
    losses = torch.tensor([[1.0, 0, 0], [2, 2, 1], [3, 3, 3], [0, torch.inf, torch.inf]])
    found = shares_of_maximum(losses)
    expected = [(1 + 1 / 2 + 1 / 3) / 4, (1 / 2 + 1 / 3 + 1 / 2) / 4, (1 / 3 + 1 / 2) / 4]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))
    assert found.sum().item() == pytest.approx(1)


def test_the_maximum_is_the_average_under_these_weights_where_one_attack_leads() -> None:
    losses = torch.rand(50, 3)
    losses[:, 1] += 1
    assert shares_of_maximum(losses).tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        (torch.tensor([[1.0, torch.nan], [0, 0]]), "got NaN for 1 of 2 examples"),
        (torch.zeros(0, 3), r"got shape \(0, 3\)"),
        (torch.zeros(3), r"got shape \(3,\)"),
    ],
)
def test_what_has_no_maximum_is_refused(losses: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shares_of_maximum(losses)
