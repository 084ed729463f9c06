#!/bin/bash
# SPDX-License-Identifier: MIT
# Reads 1,000 small files that are in the cache, by Eddy, node and Python, in turns: microseconds of
# wall and of processor time for each file, medians of the rounds.
#
#   read_compare.sh <read_bench> [rounds]
#
# one: one after the other. 64: so many at a time. all: all at once. blocking: without a loop.
set -euo pipefail
bench=$1
rounds=${2:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir "$work/files"
for ((i = 0; i < 1000; ++i)); do
    head -c $((1024 + 3 * i)) /dev/zero | tr '\0' 'x' >"$work/files/$i"
done

cat >"$work/read.js" <<'END'
const fs = require('fs');
const [folder, way] = process.argv.slice(2);
const files = fs.readdirSync(folder).map(name => folder + '/' + name);
const read = async file => (await fs.promises.readFile(file)).length;
const sum = lengths => lengths.reduce((a, b) => a + b, 0);
const ways = {
    one: async () => { let all = 0; for (const file of files) all += await read(file); return all; },
    64: async () => {
        let next = 0, all = 0;
        const worker = async () => { while (next < files.length) all += await read(files[next++]); };
        await Promise.all(Array.from({length: 64}, worker));
        return all;
    },
    all: async () => sum(await Promise.all(files.map(read))),
    blocking: async () => sum(files.map(file => fs.readFileSync(file).length)),
};
const median = list => list.sort((a, b) => a - b)[list.length >> 1] / files.length;
(async () => {
    await ways[way]();
    const wall = [], cpu = [];
    for (let pass = 0; pass < 5; ++pass) {
        const used = process.cpuUsage(), begun = process.hrtime.bigint();
        await ways[way]();
        wall.push(Number(process.hrtime.bigint() - begun) / 1e3);
        const now = process.cpuUsage(used);
        cpu.push(now.user + now.system);
    }
    console.log(median(wall).toFixed(2), median(cpu).toFixed(2));
})();
END

cat >"$work/read.py" <<'END'
import asyncio, os, statistics, sys, time
folder, way = sys.argv[1:]
files = [os.path.join(folder, name) for name in os.listdir(folder)]
def read(file):
    with open(file, 'rb') as opened:
        return len(opened.read())
async def one():
    return sum([await asyncio.to_thread(read, file) for file in files])
async def some():
    left = iter(files)
    async def worker():
        return sum([await asyncio.to_thread(read, file) for file in left])
    return sum(await asyncio.gather(*[worker() for _ in range(64)]))
async def all_at_once():
    return sum(await asyncio.gather(*[asyncio.to_thread(read, file) for file in files]))
async def blocking():
    return sum([read(file) for file in files])
async def main():
    run = {'one': one, '64': some, 'all': all_at_once, 'blocking': blocking}[way]
    await run()
    wall, cpu = [], []
    for _ in range(5):
        used, begun = time.process_time(), time.perf_counter()
        await run()
        wall.append(time.perf_counter() - begun)
        cpu.append(time.process_time() - used)
    each = lambda list: statistics.median(list) * 1e6 / len(files)
    print(f'{each(wall):.2f} {each(cpu):.2f}')
asyncio.run(main())
END

run() { # WHO WAY
    case $1 in
    eddy) "$bench" "$work/files" "$2" ;;
    node) node "$work/read.js" "$work/files" "$2" ;;
    python) python3 "$work/read.py" "$work/files" "$2" ;;
    esac
}

for ((round = 1; round <= rounds; ++round)); do
    for way in one 64 all blocking; do
        for who in $(shuf -e eddy node python); do
            echo "$who $way $(run "$who" "$way")" >>"$work/runs"
        done
    done
    echo "round $round of $rounds" >&2
done

median() { # WHO WAY COLUMN
    awk -v who="$1" -v way="$2" -v column="$3" '$1 == who && $2 == way { print $column }' "$work/runs" |
        sort -n | awk '{ line[NR] = $1 } END { print line[int((NR + 1) / 2)] }'
}
printf '%-9s %12s %12s %12s   %s\n' "us a file" eddy node python "(wall / processor)"
for way in one 64 all blocking; do
    printf '%-9s' "$way"
    for who in eddy node python; do
        printf ' %12s' "$(median $who $way 3) / $(median $who $way 4)"
    done
    echo
done
