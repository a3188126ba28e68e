"""Shapes of contractions by group, as data: what `kernels.py` measures.

A row is (group, name, text of the kernel in `ty`). Products and convolutions of the models that the
results compare, and shapes that are hard: remainders, groups, dilation, few rows, few channels. A
transposed convolution is a 1x1 convolution by the time it is a kernel ("up").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

Shape = tuple[str, str, str]

SQUARES = (512, 768, 1024, 1536, 2048)

PRODUCTS = [
    (128, 768, 768), (128, 768, 3072), (128, 3072, 768), (128, 768, 2304), (64, 768, 50257),
    (64, 768, 2304), (64, 768, 3072), (64, 3072, 768), (197, 768, 768), (197, 768, 3072),
    (197, 3072, 768), (197, 192, 768), (197, 768, 192), (197, 192, 576), (128, 384, 1536),
    (128, 1536, 384), (49, 2048, 512), (1000, 1000, 1000), (31, 257, 129), (333, 100, 77),
]  # fmt: skip
"""Rows, depth, columns of products with constant weights."""

BATCHED = [(12, 128, 64, 128), (12, 128, 128, 64), (12, 197, 64, 197), (12, 64, 64, 64)]
"""Batch, rows, depth, columns of products of two activations, as in attention."""

# name, height, width, channels in, channels out, kernel, stride, padding, epilogue
_CONVOLUTIONS = {
    "first": [
        ("resnet", 224, 224, 3, 64, 7, 2, 3, "relu"),
        ("mobilenet", 224, 224, 3, 32, 3, 2, 1, "relu"),
        ("vgg", 224, 224, 3, 64, 3, 1, 1, "relu"), ("ppocr", 480, 640, 3, 16, 3, 2, 1, "relu"),
        ("vit16", 224, 224, 3, 768, 16, 16, 0, ""),
    ],
    "resnet_1x1": [
        ("56_64_64", 56, 56, 64, 64, 1, 1, 0, "relu"), ("56_64_256", 56, 56, 64, 256, 1, 1, 0, ""),
        ("56_64_256_add", 56, 56, 64, 256, 1, 1, 0, "add_relu"),
        ("56_256_64", 56, 56, 256, 64, 1, 1, 0, "relu"),
        ("56_256_128", 56, 56, 256, 128, 1, 1, 0, "relu"),
        ("28_128_512_add", 28, 28, 128, 512, 1, 1, 0, "add_relu"),
        ("28_512_128", 28, 28, 512, 128, 1, 1, 0, "relu"),
        ("28_512_256", 28, 28, 512, 256, 1, 1, 0, "relu"),
        ("14_256_1024_add", 14, 14, 256, 1024, 1, 1, 0, "add_relu"),
        ("14_1024_256", 14, 14, 1024, 256, 1, 1, 0, "relu"),
        ("14_1024_512", 14, 14, 1024, 512, 1, 1, 0, "relu"),
        ("7_512_2048_add", 7, 7, 512, 2048, 1, 1, 0, "add_relu"),
        ("7_2048_512", 7, 7, 2048, 512, 1, 1, 0, "relu"),
        ("56_256_512_s2", 56, 56, 256, 512, 1, 2, 0, ""),
        ("28_512_1024_s2", 28, 28, 512, 1024, 1, 2, 0, ""),
        ("14_1024_2048_s2", 14, 14, 1024, 2048, 1, 2, 0, ""),
    ],
    "resnet_3x3": [
        ("56_64", 56, 56, 64, 64, 3, 1, 1, "relu"), ("28_128", 28, 28, 128, 128, 3, 1, 1, "relu"),
        ("14_256", 14, 14, 256, 256, 3, 1, 1, "relu"), ("7_512", 7, 7, 512, 512, 3, 1, 1, "relu"),
        ("56_128_s2", 56, 56, 128, 128, 3, 2, 1, "relu"),
        ("28_256_s2", 28, 28, 256, 256, 3, 2, 1, "relu"),
        ("14_512_s2", 14, 14, 512, 512, 3, 2, 1, "relu"),
        ("56_64_128_s2", 56, 56, 64, 128, 3, 2, 1, "relu"),
        ("7_512_add", 7, 7, 512, 512, 3, 1, 1, "add_relu"),
        ("56_64_add", 56, 56, 64, 64, 3, 1, 1, "add_relu"),
    ],
    "unet_vgg": [
        ("256_32", 256, 256, 32, 32, 3, 1, 1, "relu"),
        ("128_64", 128, 128, 64, 64, 3, 1, 1, "relu"),
        ("64_128", 64, 64, 128, 128, 3, 1, 1, "relu"),
        ("16_512", 16, 16, 512, 512, 3, 1, 1, "relu"),
        ("128_128_64", 128, 128, 128, 64, 3, 1, 1, "relu"),
        ("up_16_512", 16, 16, 512, 1024, 1, 1, 0, ""), ("up_64_128", 64, 64, 128, 256, 1, 1, 0, ""),
        ("up_128_64", 128, 128, 64, 128, 1, 1, 0, ""),
        ("256_32_1", 256, 256, 32, 1, 1, 1, 0, ""),
        ("vgg_112_128", 112, 112, 128, 128, 3, 1, 1, "relu"),
        ("vgg_14_512", 14, 14, 512, 512, 3, 1, 1, "relu"),
    ],
    "small_1x1": [
        ("112_32_16", 112, 112, 32, 16, 1, 1, 0, ""),
        ("112_16_96", 112, 112, 16, 96, 1, 1, 0, "relu"),
        ("56_24_144", 56, 56, 24, 144, 1, 1, 0, "relu"),
        ("56_144_24", 56, 56, 144, 24, 1, 1, 0, ""),
        ("56_144_24_add", 56, 56, 144, 24, 1, 1, 0, "add"),
        ("28_32_192", 28, 28, 32, 192, 1, 1, 0, "relu"),
        ("28_192_32_add", 28, 28, 192, 32, 1, 1, 0, "add"),
        ("14_64_384", 14, 14, 64, 384, 1, 1, 0, "relu"),
        ("14_384_64_add", 14, 14, 384, 64, 1, 1, 0, "add"),
        ("14_96_576", 14, 14, 96, 576, 1, 1, 0, "relu"),
        ("7_160_960", 7, 7, 160, 960, 1, 1, 0, "relu"),
        ("7_960_160_add", 7, 7, 960, 160, 1, 1, 0, "add"),
        ("7_960_320", 7, 7, 960, 320, 1, 1, 0, ""),
        ("7_320_1280", 7, 7, 320, 1280, 1, 1, 0, "relu"),
        ("14_40_240", 14, 14, 40, 240, 1, 1, 0, "relu"),
        ("28_40_240", 28, 28, 40, 240, 1, 1, 0, "relu"),
        ("14_480_112", 14, 14, 480, 112, 1, 1, 0, ""),
        ("7_192_1152", 7, 7, 192, 1152, 1, 1, 0, "relu"),
        ("7_1152_192_add", 7, 7, 1152, 192, 1, 1, 0, "add"),
        ("120_56_56", 120, 160, 56, 56, 1, 1, 0, "relu"),
        ("12x320_48_96", 12, 320, 48, 96, 1, 1, 0, "relu"),
    ],
}  # fmt: skip

# name, layout, spatial, channels in, channels out, kernel, stride, padding, dilation, groups
_ODD = [
    ("groups2", "NXC", (28, 28), 128, 128, 3, 1, 1, 1, 2),
    ("groups8", "NXC", (28, 28), 128, 128, 3, 1, 1, 1, 8),
    ("groups32", "NXC", (28, 28), 256, 256, 3, 1, 1, 1, 32),
    ("groups32_ncx", "NCX", (28, 28), 256, 256, 3, 1, 1, 1, 32),
    ("dilated2", "NXC", (28, 28), 128, 128, 3, 1, 2, 2, 1),
    ("one_d", "NXC", (400,), 80, 384, 3, 1, 1, 1, 1),
    ("ncx_56_64", "NCX", (56, 56), 64, 64, 3, 1, 1, 1, 1),
    ("ncx_7_512", "NCX", (7, 7), 512, 512, 3, 1, 1, 1, 1),
    ("ncx_7_1x1", "NCX", (7, 7), 2048, 512, 1, 1, 0, 1, 1),
    ("ncx_28_1x1", "NCX", (28, 28), 128, 512, 1, 1, 0, 1, 1),
    ("one_d_ncx", "NCX", (400,), 80, 384, 3, 1, 1, 1, 1),
]


def kernel_text(inputs: Sequence[str], lines: Sequence[str], result: str, constants: str) -> str:
    """A module of one function `k` whose last value is `%y`."""
    arguments = ", ".join(f"%a{i}: tensor<{t}>" for i, t in enumerate(inputs))
    attributes = f"attributes {{ty.constants = array<i64: {constants}>}}" if constants else ""
    body = "\n".join(f"  {line}" for line in lines)
    head = f"func.func private @k({arguments}) -> tensor<{result}> {attributes} {{"
    return f"{head}\n{body}\n  return %y : tensor<{result}>\n}}\n"


def _shape(*sizes: int) -> str:
    return "x".join(map(str, sizes)) + "xf32"


def matmul(a: Sequence[int], b: Sequence[int], constant: bool) -> str:
    """`a @ b`."""
    x, w, y = _shape(*a), _shape(*b), _shape(*a[:-1], b[-1])
    line = (
        '%y = "ty.matmul"(%a0, %a1) {transpose_a = false, transpose_b = false} : '
        f"(tensor<{x}>, tensor<{w}>) -> tensor<{y}>"
    )
    return kernel_text([x, w], [line], y, "1" if constant else "")


def convolution(
    layout: str, spatial: Sequence[int], channels: tuple[int, int], window: tuple[int, ...],
    groups: int = 1, epilogue: str = "relu",
) -> str:  # fmt: skip
    """A convolution with bias; `window` is kernel, stride, padding, dilation."""
    kernel, stride, padding, dilation = window
    rank, (c, o) = len(spatial), channels
    out = [(n + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1 for n in spatial]

    def image(n: int, sizes: Sequence[int]) -> str:
        return _shape(1, *sizes, n) if layout == "NXC" else _shape(1, n, *sizes)

    inputs = [image(c, spatial), _shape(o, c // groups, *[kernel] * rank), _shape(o)]
    y = image(o, out)

    def ints(value: int, count: int) -> str:
        return f"array<i64: {', '.join([str(value)] * count)}>"

    types = ", ".join(f"tensor<{t}>" for t in inputs)
    lines = [
        f'%c = "ty.conv"(%a0, %a1, %a2) {{dilations = {ints(dilation, rank)}, '
        f'groups = {groups} : i64, layout = "{layout}", padding = {ints(padding, 2 * rank)}, '
        f"strides = {ints(stride, rank)}}} : ({types}) -> tensor<{y}>"
    ]
    return _with_epilogue(inputs, lines, y, epilogue)


def _with_epilogue(inputs: list[str], lines: list[str], y: str, epilogue: str) -> str:
    value = "%c"
    if "add" in epilogue:
        lines.append(f'%s = "ty.add"({value}, %a3) : (tensor<{y}>, tensor<{y}>) -> tensor<{y}>')
        inputs, value = [*inputs, y], "%s"
    if "relu" in epilogue:
        lines.append(f'%r = "ty.relu"({value}) : (tensor<{y}>) -> tensor<{y}>')
        value = "%r"
    lines[-1] = "%y" + lines[-1].removeprefix(value)
    return kernel_text(inputs, lines, y, "1, 2")


def shapes() -> Iterator[Shape]:
    """All rows."""
    for n in SQUARES:
        yield "matmul", str(n), matmul((n, n), (n, n), True)
    for m, k, n in PRODUCTS:
        yield "product", f"{m}x{k}x{n}", matmul((m, k), (k, n), True)
    for b, m, k, n in BATCHED:
        yield "batched", f"{b}x{m}x{k}x{n}", matmul((b, m, k), (b, k, n), False)
    for group, rows in _CONVOLUTIONS.items():
        for name, h, w, c, o, kernel, stride, padding, epilogue in rows:
            window = (kernel, stride, padding, 1)
            yield group, name, convolution("NXC", (h, w), (c, o), window, 1, epilogue)
    for name, layout, spatial, c, o, kernel, stride, padding, dilation, groups in _ODD:
        window = (kernel, stride, padding, dilation)
        yield "odd", name, convolution(layout, spatial, (c, o), window, groups)
