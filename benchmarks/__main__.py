"""`make bench`: every link of the chain beside the plain library call that it stands on, in one run."""

from benchmarks import chain_bench, dsr_bench, royalties_bench
from benchmarks.table import show

if __name__ == "__main__":
    print(show([*chain_bench.bench(), *royalties_bench.bench(), *dsr_bench.bench()]))
