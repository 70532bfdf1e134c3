"""Warps: the identity, known shifts and turns, and what lies beyond the edge."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from trainer.warp import (
    Padding,
    affine_points,
    affine_warp,
    flow_warp,
    identity_points,
    integrated_warp,
)

SIZES = [(1, 1), (7, 7), (8, 8), (28, 28), (32, 32), (5, 12), (12, 5), (3, 64)]
PADDINGS: list[Padding] = ["zeros", "border"]


def images_of(height: int, width: int, *, count: int = 2) -> Tensor:
    """Random images, no two pixels alike."""
    generator = torch.Generator().manual_seed(height * 1000 + width)
    return torch.rand(count, 3, height, width, generator=generator)


def no_increment(images: Tensor) -> Tensor:
    return torch.zeros(len(images), 2, 3)


def no_flow(images: Tensor) -> Tensor:
    return torch.zeros(len(images), 2, *images.shape[-2:])


def constant_flow(images: Tensor, *, right: float = 0.0, down: float = 0.0) -> Tensor:
    """Every pixel reads from so many pixels to its right and below."""
    height, width = images.shape[-2:]
    flow = no_flow(images)
    flow[:, 0] = right * 2 / width
    flow[:, 1] = down * 2 / height
    return flow


def pixel_shift(images: Tensor, increment: Tensor) -> Tensor:
    """How far the affine map moves each point, in pixels, x first."""
    height, width = images.shape[-2:]
    moved = affine_points(increment, height, width) - identity_points(images)
    return moved * torch.tensor([width / 2, height / 2])


# The identity


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-13)])
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("size", SIZES)
def test_no_parameters_no_change(
    size: tuple[int, int], padding: Padding, dtype: torch.dtype, tolerance: float
) -> None:
    images = images_of(*size).to(dtype)
    increment, flow = no_increment(images).to(dtype), no_flow(images).to(dtype)
    for warped in (
        flow_warp(images, flow, padding=padding),
        affine_warp(images, increment, padding=padding),
        integrated_warp(images, increment, flow, padding=padding),
    ):
        torch.testing.assert_close(warped, images, atol=tolerance, rtol=0)


@pytest.mark.parametrize("size", [(7, 7), (28, 28), (32, 32)])
def test_mixed_precision_leaves_the_grid_exact(size: tuple[int, int]) -> None:
    """In bfloat16 the points of 28 columns are off by up to 0.06 pixels."""
    images = images_of(*size)
    increment = 0.1 * torch.ones(2, 2, 3)
    exact = affine_warp(images, increment, padding="zeros")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(affine_warp(images, increment, padding="zeros"), exact)
        assert torch.equal(
            flow_warp(images, no_flow(images), padding="zeros"),
            affine_warp(images, no_increment(images), padding="zeros"),
        )


def test_pixel_centres_lie_within_one() -> None:
    points = identity_points(images_of(2, 4))
    assert points.shape == (1, 2, 4, 2)
    torch.testing.assert_close(points[0, 0, :, 0], torch.tensor([-0.75, -0.25, 0.25, 0.75]))
    torch.testing.assert_close(points[0, :, 0, 1], torch.tensor([-0.5, 0.5]))


# Shifts


@pytest.mark.parametrize("size", [(8, 8), (5, 12), (12, 5)])
def test_a_flow_along_x_reads_from_the_right(size: tuple[int, int]) -> None:
    images = images_of(*size)
    flow = constant_flow(images, right=1)
    zeros = flow_warp(images, flow, padding="zeros")
    border = flow_warp(images, flow, padding="border")
    for warped in (zeros, border):
        torch.testing.assert_close(warped[..., :-1], images[..., 1:], atol=1e-5, rtol=0)
    torch.testing.assert_close(zeros[..., -1], torch.zeros_like(zeros[..., -1]), atol=1e-5, rtol=0)
    torch.testing.assert_close(border[..., -1], images[..., -1], atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(8, 8), (5, 12), (12, 5)])
def test_a_flow_along_y_reads_from_below(size: tuple[int, int]) -> None:
    images = images_of(*size)
    flow = constant_flow(images, down=1)
    zeros = flow_warp(images, flow, padding="zeros")
    border = flow_warp(images, flow, padding="border")
    for warped in (zeros, border):
        torch.testing.assert_close(warped[..., :-1, :], images[..., 1:, :], atol=1e-5, rtol=0)
    torch.testing.assert_close(
        zeros[..., -1, :], torch.zeros_like(zeros[..., -1, :]), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(border[..., -1, :], images[..., -1, :], atol=1e-5, rtol=0)


def test_half_a_pixel_is_the_mean_of_two() -> None:
    images = images_of(6, 9)
    warped = flow_warp(images, constant_flow(images, right=0.5), padding="border")
    between = (images[..., :-1] + images[..., 1:]) / 2
    torch.testing.assert_close(warped[..., :-1], between, atol=1e-5, rtol=0)


def test_one_moved_pixel_leaves_the_others() -> None:
    images = images_of(6, 9)
    flow = no_flow(images)
    flow[0, 0, 2, 3] = -2 / 9
    flow[1, 1, 4, 5] = 3 * 2 / 6  # beyond the lower edge
    warped = flow_warp(images, flow, padding="zeros")
    torch.testing.assert_close(warped[0, :, 2, 3], images[0, :, 2, 2], atol=1e-5, rtol=0)
    assert warped[1, :, 4, 5].tolist() == [0, 0, 0]
    warped[0, :, 2, 3], warped[1, :, 4, 5] = images[0, :, 2, 3], images[1, :, 4, 5]
    torch.testing.assert_close(warped, images, atol=1e-5, rtol=0)


# Affine maps


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("size", [(8, 8), (5, 12)])
def test_a_translation_is_a_constant_flow(size: tuple[int, int], padding: Padding) -> None:
    images = images_of(*size)
    increment = no_increment(images)
    increment[:, 0, 2] = 1.3 * 2 / images.shape[3]
    increment[:, 1, 2] = -0.4 * 2 / images.shape[2]
    flow = constant_flow(images, right=1.3, down=-0.4)
    torch.testing.assert_close(
        affine_warp(images, increment, padding=padding),
        flow_warp(images, flow, padding=padding),
        atol=1e-5,
        rtol=0,
    )


@pytest.mark.parametrize("side", [7, 8])
def test_a_quarter_turn_of_the_grid_turns_the_image_counterclockwise(side: int) -> None:
    """Points (x, y) go to (-y, x), clockwise as y points down; so the image turns the other way."""
    images = images_of(side, side)
    quarter = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]])
    increment = (quarter - torch.eye(2, 3)).expand(2, 2, 3)
    torch.testing.assert_close(
        affine_warp(images, increment, padding="zeros"),
        torch.rot90(images, 1, dims=(2, 3)),
        atol=1e-5,
        rtol=0,
    )


def test_a_half_turn_of_an_oblong_image() -> None:
    images = images_of(5, 12)
    increment = no_increment(images)
    increment[:, 0, 0] = increment[:, 1, 1] = -2
    torch.testing.assert_close(
        affine_warp(images, increment, padding="zeros"), images.flip(2, 3), atol=1e-5, rtol=0
    )


def test_each_image_has_its_own_map() -> None:
    images = images_of(8, 8)
    increment = no_increment(images)
    increment[1, 0, 0] = -2  # mirrored
    warped = affine_warp(images, increment, padding="zeros")
    torch.testing.assert_close(warped[0], images[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(warped[1], images[1].flip(2), atol=1e-5, rtol=0)


def test_a_rotation_keeps_distances() -> None:
    angle = math.radians(5.7)
    rotation = torch.tensor(
        [[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0]]
    )
    assert (rotation - torch.eye(2, 3)).abs().max() < 0.1  # 5.7 degrees lie in a radius of 0.1
    points = affine_points((rotation - torch.eye(2, 3))[None], 9, 9)
    torch.testing.assert_close(
        points.norm(dim=3), identity_points(images_of(9, 9)).norm(dim=3), atol=1e-5, rtol=0
    )


def test_a_radius_of_a_tenth_is_at_most_1_6_pixels_of_translation_at_32() -> None:
    images = images_of(32, 32)
    increment = no_increment(images)
    increment[:, 0, 2] = 0.1
    shift = pixel_shift(images, increment)
    torch.testing.assert_close(shift[..., 0], torch.full_like(shift[..., 0], 1.6))
    assert shift[..., 1].abs().max() == 0


# Both at once


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("size", [(8, 8), (5, 12)])
def test_integrated_with_one_part_zero_is_the_other(
    size: tuple[int, int], padding: Padding
) -> None:
    images = images_of(*size)
    generator = torch.Generator().manual_seed(0)
    increment = 0.3 * torch.randn(2, 2, 3, generator=generator)
    flow = 0.3 * torch.randn(2, 2, *size, generator=generator)
    torch.testing.assert_close(
        integrated_warp(images, increment, no_flow(images), padding=padding),
        affine_warp(images, increment, padding=padding),
    )
    torch.testing.assert_close(
        integrated_warp(images, no_increment(images), flow, padding=padding),
        flow_warp(images, flow, padding=padding),
    )


def test_the_flow_is_added_after_the_map() -> None:
    """A_w (u, v, 1) + w_F: the affine map does not turn the flow."""
    images = images_of(8, 8)
    quarter = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]) - torch.eye(2, 3)
    warped = integrated_warp(
        images, quarter.expand(2, 2, 3), constant_flow(images, right=1), padding="zeros"
    )
    # row i reads at x = -y_i + 1 pixel, where the turned image reads in the row above
    turned = torch.rot90(images, 1, dims=(2, 3))
    torch.testing.assert_close(warped[..., 1:, :], turned[..., :-1, :], atol=1e-5, rtol=0)


def test_images_are_not_written_to() -> None:
    images = images_of(6, 6)
    before = images.clone()
    flow = constant_flow(images, right=1)
    flow_before = flow.clone()
    integrated_warp(images, no_increment(images), flow, padding="border")
    assert torch.equal(images, before)
    assert torch.equal(flow, flow_before)
