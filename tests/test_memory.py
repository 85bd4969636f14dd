import platform
import subprocess
import sys

import pytest

COUNT = '''
import resource, sys, torch
from ganzoo.cli import ganzoo

def faults():
    """The fewest of several times: what is small may have settled in what was freed."""
    return min(once() for _ in range(8))

def once():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(64 * 2**20, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

pages = 64 * 2**20 // resource.getpagesize()
before = faults()
ganzoo.main(["list", "gan"], standalone_mode=False)
print("COUNTED", before / pages, faults() / pages)
'''


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators have other habits")
def test_after_a_command_began_freed_memory_is_used_again():
    out = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True).stdout
    before, after = map(float, out.split("COUNTED")[1].split())
    assert after < 0.01 * before
