"""Handwritten digits of scikit-learn (1797 images of 8x8): trained in seconds, saved, compiled.

python examples/train_digits.py            # the whole step as one compiled program
python examples/train_digits.py --eager    # the same code, op by op
"""

import sys
import time

import numpy as np
from sklearn.datasets import load_digits

import tyc
from tyc import functional as F
from tyc import nn, optim

EPOCHS, BATCH = 20, 64


class Net(nn.Module):
    """Three convolutions and a linear layer: 1x8x8 -> 10 scores."""

    def __init__(self):
        self.features = nn.Sequential(
            nn.ConvBnRelu2d(1, 24, 3, padding=1),
            nn.ConvBnRelu2d(24, 32, 3, padding=1),
            nn.MaxPool2d(2),
            nn.ConvBnRelu2d(32, 64, 3, padding=1),
            nn.MaxPool2d(2),
        )
        self.dropout = nn.Dropout(0.3)
        self.classify = nn.Linear(64 * 2 * 2, 10)

    def forward(self, x):
        """Scores of each digit."""
        return self.classify(self.dropout(F.flatten(self.features(x), 1)))


def data():
    """Training and test images and labels, four fifths and one fifth."""
    digits = load_digits()
    images = (digits.images[:, None] / 8 - 1).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(images))
    train, test = order[360:], order[:360]
    return (images[train], digits.target[train]), (images[test], digits.target[test])


def train(eager=False, epochs=EPOCHS, **options):
    """The network and the mean loss of each epoch."""
    tyc.random.seed(0)
    (images, labels), _ = data()
    net = Net()
    manager = tyc.GradManager().attach(net.parameters())
    optimizer = optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.05)
    steps = len(images) // BATCH
    schedule = optim.schedules.Cosine(optimizer, steps * epochs, warm_up=steps)

    def step(image, label):
        with manager:
            loss = F.cross_entropy(net(image), label, label_smoothing=0.05)
            manager.backward(loss)
        optimizer.step().clear_grad()
        schedule.step()
        return loss

    run = step if eager else tyc.trace(step, **options)
    curve = []
    for _ in range(epochs):
        order = tyc.random.permutation(len(images)).numpy()
        batches = order[: steps * BATCH].reshape(steps, BATCH)
        curve.append(float(np.mean([float(run(images[b], labels[b])) for b in batches])))
    return net, curve


def accuracy(net):
    """The share of test images that the network gets right."""
    _, (images, labels) = data()
    scores = tyc.trace(net.eval())(images)
    return float(np.mean(np.argmax(scores.numpy(), 1) == labels))


if __name__ == "__main__":
    start = time.perf_counter()
    net, curve = train(eager="--eager" in sys.argv)
    print("loss of each epoch:", " ".join(f"{v:.3f}" for v in curve))
    print(f"test accuracy {accuracy(net):.2%} after {time.perf_counter() - start:.1f} s")
    net.save("digits.safetensors")
    tyc.compile(net, "digits.so", np.zeros((1, 1, 8, 8), np.float32))
