// SPDX-License-Identifier: MIT
// du: how much of a disk a tree takes, its directories read side by side.
//
// A directory is one call on the pool of files, which lists it with the status of each entry; what
// a tree is made of is added up on the loop, without a lock (usage.cpp). Up to eight jobs are under
// way, each in a part of the tree that it found, so that the disk has several questions at a time.
// It says what the du of GNU coreutils says, but for the order; check.sh compares the two. Only
// what is deeper than any path (4096 bytes) it cannot read, since each call gets a path: a program
// that must takes `walk`, which goes down step by step, one directory at a time.
#include <iostream>
#include <span>
#include <string>

#include <eddy/run.hpp>

#include "../finished.hpp"
#include "options.hpp"
#include "usage.hpp"

namespace {

eddy::Task<int> measure_all(const Options& options) {
    Usage measured(options);
    for (const std::string& path : options.paths) {
        co_await measured.measure(path);
    }
    co_return measured.failed() ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
    std::ios::sync_with_stdio(false);
    std::string error;
    const auto options = parse(std::span(argv, static_cast<std::size_t>(argc)).subspan(1), error);
    if (!options) {
        std::cerr << "du: " << error << "\n\n" << usage;
        return 1;
    }
    if (options->help) {
        std::cout << usage;
        return finished(0);
    }
    return finished(eddy::run_main(measure_all(*options)));
}
