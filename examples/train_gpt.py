"""A small GPT that learns the descriptions of scikit-learn's data sets, letter by letter.

python examples/train_gpt.py
"""

import time

import numpy as np
from sklearn import datasets

import tyc
from tyc import functional as F
from tyc import optim
from tyc.hub.models.gpt2 import GPT2

LENGTH, BATCH, STEPS = 32, 32, 400


def text():
    """Some 20,000 letters of English that are installed with scikit-learn."""
    loaders = (datasets.load_iris, datasets.load_wine, datasets.load_breast_cancer,
               datasets.load_digits, datasets.load_diabetes, datasets.load_linnerud)  # fmt: skip
    return "\n".join(load().DESCR for load in loaders)


def train(steps=STEPS, eager=False, **options):
    """The model, its alphabet and the loss of each step, in nats a letter."""
    tyc.random.seed(0)
    letters, alphabet = text(), sorted(set(text()))
    tokens = np.array([alphabet.index(c) for c in letters])
    model = GPT2(len(alphabet), features=64, layers=2, heads=4, positions=LENGTH, dropout=0.0)
    manager = tyc.GradManager().attach(model.parameters())
    optimizer = optim.AdamW(model.parameters(), lr=1e-2, betas=(0.9, 0.95), weight_decay=0.1)
    schedule = optim.schedules.Cosine(optimizer, steps, end=0.1, warm_up=20)

    def step(tokens, following):
        with manager:
            loss = F.cross_entropy(model(tokens), following, axis=-1)
            manager.backward(loss)
        optim.clip_grad_norm(model.parameters(), 1.0)
        optimizer.step().clear_grad()
        schedule.step()
        return loss

    run = step if eager else tyc.trace(step, **options)
    losses = []
    for _ in range(steps):
        starts = tyc.random.integers(len(tokens) - LENGTH, (BATCH, 1)).numpy()
        windows = tokens[starts + np.arange(LENGTH + 1)]
        losses.append(float(run(windows[:, :-1].copy(), windows[:, 1:].copy())))
    return model, alphabet, losses


def write(model, alphabet, count=200, start="The "):
    """Letters, each the likeliest after those before it."""
    predict = tyc.trace(model.eval())
    letters = list(start)
    for _ in range(count):
        last = [alphabet.index(c) for c in letters[-LENGTH:]]
        padded = np.array([last + [0] * (LENGTH - len(last))])
        letters.append(alphabet[int(predict(padded).numpy()[0, len(last) - 1].argmax())])
    return "".join(letters)


if __name__ == "__main__":
    begin = time.perf_counter()
    model, alphabet, losses = train()
    print("loss:", " ".join(f"{v:.2f}" for v in losses[:: STEPS // 20]), f"{losses[-1]:.2f}")
    print(f"{time.perf_counter() - begin:.1f} s")
    print(write(model, alphabet))
