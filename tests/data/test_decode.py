import io

import numpy as np
import pytest
from PIL import Image

from ganzoo.data import decode as module
from ganzoo.data.decode import Geometry, Unreadable, decode, look


def packed(image, channels=3, size=4, fit="crop", kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return Geometry(size, size, channels, fit).image(decode(buffer.getvalue()))


def plain(mode, color, size=(4, 4)):
    return Image.new(mode, size, color)


@pytest.mark.parametrize(
    ("image", "kind", "expected"),
    [
        (plain("RGB", (10, 20, 30)), "PNG", (10, 20, 30)),
        (plain("L", 7), "PNG", (7, 7, 7)),
        (plain("1", 1), "PNG", (255, 255, 255)),
        (plain("RGBA", (10, 20, 30, 0)), "PNG", (255, 255, 255)),
        (plain("RGBA", (0, 0, 0, 51)), "PNG", (204, 204, 204)),
        (plain("LA", (0, 0)), "PNG", (255, 255, 255)),
        (plain("RGB", (10, 20, 30)).convert("P", palette=Image.Palette.ADAPTIVE), "PNG", (10, 20, 30)),
        (plain("CMYK", (0, 255, 255, 0)), "TIFF", (255, 0, 0)),
        (plain("F", 0.5), "TIFF", (128, 128, 128)),
        (plain("RGB", (10, 20, 30)), "BMP", (10, 20, 30)),
    ],
    ids=["RGB", "L", "1", "transparent", "half transparent", "LA", "P", "CMYK", "float", "bmp"],
)
def test_every_mode_becomes_eight_bit_colour(image, kind, expected):
    pixels = packed(image, kind=kind)
    assert pixels.shape == (4, 4, 3) and pixels.dtype == np.uint8
    assert np.abs(pixels[2, 2].astype(int) - expected).max() <= 1


def test_transparent_palette_colours_become_white():
    image = plain("P", 0)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((0, 0), 1)
    pixels = packed(image, transparency=0)
    assert pixels[3, 3].tolist() == [255, 255, 255] and pixels[0, 0].tolist() == [0, 255, 0]


def test_sixteen_bits_are_scaled_not_clipped():
    values = np.array([[0, 255], [32768, 65535]], np.uint16)
    assert packed(Image.fromarray(values), channels=1, size=2)[..., 0].tolist() == [[0, 1], [128, 255]]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_pixels_that_are_no_numbers_are_refused(value):
    with pytest.raises(Unreadable, match="not finite"):
        packed(plain("F", value), kind="TIFF")


def test_a_dark_sixteen_bit_image_stays_dark():
    assert packed(Image.fromarray(np.ones((4, 4), np.uint16)), channels=1).max() == 0


def test_colour_to_gray_is_itu_r_601_luma():
    red, green, blue = (packed(plain("RGB", c), channels=1)[0, 0, 0] for c in ("#f00", "#0f0", "#00f"))
    assert (red, green, blue) == (76, 150, 29)  # PIL rounds 0.299, 0.587, 0.114 of 255 so


def test_exif_rotation_is_applied():
    image = plain("RGB", "black", (8, 4))
    image.paste("white", (0, 0, 4, 4))
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned clockwise: the left half comes to the top
    pixels = packed(image, size=4, fit="stretch", exif=exif)
    assert pixels[0].min() > 200 and pixels[3].max() < 55
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif)
    seen = look(buffer)
    assert seen.size == (8, 4) and seen.rotated and seen.lossy


def halves():
    """16 wide, 8 high: black, white in the middle half, black."""
    image = plain("RGB", "black", (16, 8))
    image.paste("white", (4, 0, 12, 8))
    return image


def test_crop_keeps_the_centre_square():
    assert packed(halves(), size=8, fit="crop").min() == 255


def test_pad_adds_black_bars():
    pixels = packed(halves(), size=8, fit="pad")
    assert pixels[:2].max() == 0 and pixels[-2:].max() == 0 and pixels[4, 4].min() == 255


@pytest.mark.parametrize("size", [(1000, 2), (2, 1000), (1000, 1), (1, 1)])
@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (8, 24), (24, 8)])
def test_images_of_any_shape_leave_something_to_see(size, fit, height, width):
    pixels = Geometry(height, width, 3, fit).image(plain("RGB", "white", size))
    assert pixels.shape == (height, width, 3) and pixels.max() == 255


def test_stretch_keeps_everything():
    pixels = packed(halves(), size=8, fit="stretch")
    assert pixels[4, 0].max() < 60 and pixels[4, 4].min() > 200 and pixels[4, 7].max() < 60


def test_shrinking_antialiases():
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    pixels = packed(Image.fromarray(stripes), channels=1, size=8)
    assert abs(int(pixels.mean()) - 127) < 5 and int(pixels.max()) - int(pixels.min()) < 60


def test_the_right_size_is_untouched(pixels):
    image = pixels(4, 4, 3)
    assert np.array_equal(packed(Image.fromarray(image)), image)


def test_arrays_and_images_agree(pixels):
    images = pixels(3, 12, 12, 3)
    geometry = Geometry(8, 8, 1)
    assert np.array_equal(geometry.images(images)[1], geometry.image(Image.fromarray(images[1])))
    assert geometry.images(images[..., :1]).shape == (3, 8, 8, 1)


@pytest.mark.parametrize("data", [b"", b"no image", b"\x89PNG\r\n\x1a\n broken"])
def test_unreadable_data_raises_unreadable(data):
    with pytest.raises(Unreadable):
        decode(data)


def test_a_truncated_jpeg_is_not_filled_with_gray(pixels, encode):
    with pytest.raises(Unreadable, match="truncated"):
        decode(encode(pixels(64, 64, 3), "JPEG")[:-500])


def test_an_image_of_too_many_pixels_is_not_decoded(monkeypatch, encode):
    monkeypatch.setattr(module, "MAX_PIXELS", 1000)
    with pytest.raises(Unreadable, match="more than 1,000 pixels"):
        decode(encode(np.zeros((40, 40), np.uint8)))


@pytest.mark.parametrize(
    ("kind", "options", "lossy"),
    [("PNG", {}, False), ("JPEG", {}, True), ("WEBP", {"lossless": True}, False), ("WEBP", {"lossless": False}, True)],
)
def test_lossy_formats_are_recognised(pixels, encode, kind, options, lossy):
    assert look(io.BytesIO(encode(pixels(8, 8, 3), kind, **options))).lossy is lossy
