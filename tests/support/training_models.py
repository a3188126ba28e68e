"""The suite's models as training steps: layer lists with the bytes and FLOPs of real sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from training_steps import Step

from tyc.compiler.planning.graph import Graph


@dataclass
class Image:
    """A value of a convolutional network: its number, channels and height = width."""

    value: int
    channels: int
    size: int


class Convolutions(Step):
    """A step with the kernels of convolutional networks at a batch size."""

    batch = 32

    def start(self, size: int = 224) -> Image:
        """The image that the caller holds."""
        return Image(self.input(), 3, size)

    def bytes_of(self, channels: int, size: int) -> int:
        """The bytes of an image value in f32."""
        return 4 * self.batch * channels * size * size

    def conv(self, x: Image, channels: int, k: int = 3, stride: int = 1, groups: int = 1) -> Image:
        """A convolution that keeps the size but for the stride."""
        size = x.size // stride
        weights = channels * x.channels * k * k // groups
        flops = 2.0 * self.batch * size * size * weights
        out = self.bytes_of(channels, size)
        y = self.layer("conv", [x.value], out, flops, weight=4 * weights)
        return Image(y, channels, size)

    def norm(self, x: Image, add: Image | None = None) -> Image:
        """Batch norm, the sum with another value and ReLU: one kernel for the statistics, one that
        applies them."""
        nbytes = self.bytes_of(x.channels, x.size)
        stats = self.value(8 * x.channels)
        self.kernel("bn.statistics", [x.value], [stats], nbytes)
        operands = [x.value] + ([add.value] if add else [])
        y = self.layer(
            "bn", operands, nbytes, nbytes * 1.5, "xy", 8 * x.channels, True, aside=[stats]
        )
        return Image(y, x.channels, x.size)

    def pool(self, x: Image, stride: int = 2) -> Image:
        """A pooling with its stride."""
        size = x.size // stride
        y = self.layer(
            "pool", [x.value], self.bytes_of(x.channels, size), self.bytes_of(x.channels, x.size)
        )
        return Image(y, x.channels, size)

    def dense(self, x: Image, features: int) -> Image:
        """A fully connected layer over all of the image."""
        weights = x.channels * x.size * x.size * features
        y = self.layer(
            "dense", [x.value], 4 * self.batch * features, 2.0 * self.batch * weights,
            weight=4 * weights,
        )  # fmt: skip
        return Image(y, features, 1)

    def relu(self, x: Image) -> Image:
        """ReLU, whose backward reads its result."""
        nbytes = self.bytes_of(x.channels, x.size)
        y = self.layer("relu", [x.value], nbytes, nbytes / 4, "y", in_place=True)
        return Image(y, x.channels, x.size)

    def concat(self, xs: list[Image]) -> Image:
        """One value beside another."""
        channels, size = sum(x.channels for x in xs), xs[0].size
        nbytes = self.bytes_of(channels, size)
        y = self.layer("concat", [x.value for x in xs], nbytes, nbytes / 4, "")
        return Image(y, channels, size)


def resnet(blocks: list[int]) -> Graph:
    """ResNet of bottlenecks (He 2015) at batch 32 x 224 x 224."""
    step = Convolutions()
    x = step.pool(step.norm(step.conv(step.start(), 64, 7, 2)))
    for stage, count in enumerate(blocks):
        width = 64 << stage
        for i in range(count):
            stride = 2 if i == 0 and stage else 1
            short = x
            if i == 0:
                short = step.conv(x, 4 * width, 1, stride)
            y = step.norm(step.conv(x, width, 1))
            y = step.norm(step.conv(y, width, 3, stride))
            x = step.norm(step.conv(y, 4 * width, 1), short)
    return step.finish(step.dense(step.pool(x, x.size), 1000).value)


def densenet() -> Graph:
    """DenseNet-121 (Huang 2016) at batch 32 x 224 x 224."""
    step = Convolutions()
    x = step.pool(step.norm(step.conv(step.start(), 64, 7, 2)))
    for block, count in enumerate([6, 12, 24, 16]):
        for _ in range(count):
            y = step.conv(step.norm(x), 128, 1)
            y = step.conv(step.norm(y), 32, 3)
            x = step.concat([x, y])
        if block < 3:
            x = step.pool(step.conv(step.norm(x), x.channels // 2, 1))
    return step.finish(step.dense(step.pool(step.norm(x), x.size), 1000).value)


def unet() -> Graph:
    """U-Net (Ronneberger 2015) with batch norm at batch 8 x 256 x 256."""
    step = Convolutions()
    step.batch = 8
    x = step.start(256)
    skips = []
    for width in (64, 128, 256, 512):
        x = step.norm(step.conv(step.norm(step.conv(x, width)), width))
        skips.append(x)
        x = step.pool(x)
    x = step.norm(step.conv(step.norm(step.conv(x, 1024)), 1024))
    for skip in reversed(skips):
        flops = 2.0 * step.batch * skip.size**2 * x.channels * skip.channels
        up = step.layer(
            "up", [x.value], step.bytes_of(skip.channels, skip.size), flops,
            weight=16 * x.channels * skip.channels,
        )  # fmt: skip
        x = step.concat([skip, Image(up, skip.channels, skip.size)])
        x = step.norm(step.conv(step.norm(step.conv(x, skip.channels)), skip.channels))
    return step.finish(step.conv(x, 2, 1).value)


def mobilenet() -> Graph:
    """MobileNetV2 (Sandler 2018) at batch 32 x 224 x 224."""
    step = Convolutions()
    x = step.norm(step.conv(step.start(), 32, 3, 2))
    plan = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1)]
    for expand, channels, count, stride in [*plan, (6, 160, 3, 2), (6, 320, 1, 1)]:
        for i in range(count):
            y = step.norm(step.conv(x, x.channels * expand, 1)) if expand > 1 else x
            y = step.norm(step.conv(y, y.channels, 3, stride if i == 0 else 1, y.channels))
            y = step.conv(y, channels, 1)
            x = step.norm(y, x) if i else step.norm(y)
    x = step.norm(step.conv(x, 1280, 1))
    return step.finish(step.dense(step.pool(x, x.size), 1000).value)


def vgg() -> Graph:
    """VGG-19 (Simonyan 2014) at batch 32 x 224 x 224."""
    step = Convolutions()
    x = step.start()
    for width, count in [(64, 2), (128, 2), (256, 4), (512, 4), (512, 4)]:
        for _ in range(count):
            x = step.relu(step.conv(x, width))
        x = step.pool(x)
    for features in (4096, 4096):
        x = step.relu(step.dense(x, features))
    return step.finish(step.dense(x, 1000).value)


@dataclass(frozen=True)
class Sizes:
    """A transformer: batch, sequence length, width, heads, layers, classes at the end."""

    batch: int
    length: int
    width: int
    heads: int
    layers: int
    classes: int
    every: bool = False


class Transformer(Step):
    """A step with the kernels of pre-norm transformers."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.s = sizes
        self.tokens = sizes.batch * sizes.length
        self.row = 4 * self.tokens * sizes.width

    def product(self, x: int, inner: int, outer: int, tokens: int = 0) -> int:
        """A product with a weight, and its bias."""
        tokens = tokens or self.tokens
        return self.layer(
            "matmul", [x], 4 * tokens * outer, 2.0 * tokens * inner * outer,
            weight=4 * inner * outer,
        )  # fmt: skip

    def norm(self, x: int) -> int:
        """Layer norm."""
        return self.layer("norm", [x], self.row, 2 * self.row, "x", 8 * self.s.width)

    def add(self, x: int, y: int) -> int:
        """The sum of the residual."""
        return self.layer("add", [x, y], self.row, self.row / 4, "", in_place=True)

    def attention(self, x: int) -> int:
        """Scores with their softmax, and the product with the values."""
        s = self.s
        scores = 4 * s.batch * s.heads * s.length**2
        flops = 2.0 * s.batch * s.length**2 * s.width
        qkv = self.product(x, s.width, 3 * s.width)
        p = self.layer("scores", [qkv], scores, flops + 2 * scores, "xy")
        return self.product(self.layer("mix", [p, qkv], self.row, flops), s.width, s.width)

    def block(self, x: int) -> int:
        """One block of attention and two products."""
        width = self.s.width
        x = self.add(self.attention(self.norm(x)), x)
        y = self.product(self.norm(x), width, 4 * width)
        y = self.layer("gelu", [y], 4 * self.row, 8 * self.row, in_place=True)
        return self.add(self.product(y, 4 * width, width), x)


def transformer(sizes: Sizes) -> Graph:
    """GPT-2, BERT or ViT, by the sizes."""
    step = Transformer(sizes)
    tokens = step.input()
    x = step.layer(
        "embed", [tokens], step.row, step.row / 4, weight=4 * sizes.width * max(sizes.classes, 768)
    )
    for _ in range(sizes.layers):
        x = step.block(x)
    x = step.norm(x)
    last = step.tokens if sizes.every else sizes.batch
    return step.finish(step.product(x, sizes.width, sizes.classes, last))


def lstm(steps: int = 256, batch: int = 64, width: int = 512) -> Graph:
    """An LSTM (Hochreiter 1997) unrolled over time, its weight's gradient summed in place."""
    step = Step()
    h, c = step.input(), step.input()
    row, weight = 4 * batch * width, 4 * 8 * width * width
    saved = []
    for _ in range(steps):
        x = step.input()
        gates = step.value(4 * row)
        step.kernel("gates", [x, h], [gates], 2.0 * batch * 8 * width * width)
        following, cell = step.value(row), step.value(row)
        step.kernel("cell", [gates, c], [cell, following], 10 * row)
        saved.append((x, h, c, gates, cell))
        h, c = following, cell
    dh, dc, dw = step.value(row), step.value(row), -1
    step.kernel("loss", [h], [dh, dc], row)
    for x, h, c, gates, cell in reversed(saved):
        d, following = step.value(4 * row), step.value(row)
        step.kernel("cell.d", [dh, dc, gates, c, cell], [d, following], 20 * row, [(dc, following)])
        total, flops = step.value(weight), 2.0 * batch * 8 * width * width
        reads, pairs = ([dw], [(dw, total)]) if dw >= 0 else ([], [])
        step.kernel("gates.dw", [d, x, h, *reads], [total], flops, pairs)
        before = step.value(row)
        step.kernel("gates.dx", [d], [before], flops)
        dh, dc, dw = before, following, total
    step.kernel("update", [dw], [step.value(0)], weight)
    return Graph(step.sizes, step.kernels)


def equal(layers: int, nbytes: int = 1 << 20) -> Graph:
    """Equal layers, each of one kernel whose backward reads its operand and costs twice as much."""
    step = Step()
    x = step.input()
    for _ in range(layers):
        x = step.layer("f", [x], nbytes, 1e9)
    graph = step.finish(x)
    kernels = [replace(k, cost=2e9) if k.name == "f.dx" else k for k in graph.kernels]
    return Graph(graph.sizes, kernels)


def random_layers(nodes: int, seed: int = 0) -> Graph:
    """A random layered network whose step has about so many kernels."""
    random, step = Random(seed), Step()
    layer = [step.input()]
    while len(step.kernels) < nodes * 0.36:
        before, layer = layer, []
        for _ in range(random.randint(1, 4)):
            operands = random.sample(before, min(len(before), random.randint(1, 2)))
            older = [x.result for x in step.layers[-24:]]
            if older and random.random() < 0.15:
                operands.append(random.choice(older))
            nbytes = int(2 ** random.uniform(14, 22))
            heavy = random.random() < 0.5
            layer.append(
                step.layer(
                    "heavy" if heavy else "light", list(dict.fromkeys(operands)), nbytes,
                    nbytes * (random.uniform(50, 800) if heavy else random.uniform(0.25, 4)),
                    random.choice(["x", "y", "xy"]), nbytes // 8 if heavy else 0, not heavy,
                )
            )  # fmt: skip
    last = step.layer("join", layer, 4096, 4096)
    return step.finish(last)


SUITE: dict[str, Callable[[], Graph]] = {
    "resnet50": lambda: resnet([3, 4, 6, 3]),
    "resnet152": lambda: resnet([3, 8, 36, 3]),
    "densenet121": densenet,
    "unet": unet,
    "mobilenetv2": mobilenet,
    "vgg19": vgg,
    "gpt2": lambda: transformer(Sizes(8, 512, 768, 12, 12, 50257, True)),
    "bert": lambda: transformer(Sizes(16, 256, 768, 12, 12, 2)),
    "vit": lambda: transformer(Sizes(32, 197, 768, 12, 12, 1000)),
    "lstm": lstm,
    "random100": lambda: random_layers(100),
    "random300": lambda: random_layers(300),
    "random1000": lambda: random_layers(1000),
    "random2500": lambda: random_layers(2500),
    "random5000": lambda: random_layers(5000),
}
