"""AArch64 on Android: bionic's sonames, and C headers of musl, of which the runtime uses only what
bionic has with the same layout."""

from __future__ import annotations

from dataclasses import replace

from tyc.compiler.targets import aarch64_linux_gnu as linux

FAMILY = linux.on(
    replace(
        linux.PLATFORM,
        name="aarch64-linux-android",
        triple="aarch64-unknown-linux-android",
        c_target="aarch64-linux-musl",
        system="android",
        libm="libm.so",
        libc="libc.so",
    )
)
"""AArch64 on Android."""
