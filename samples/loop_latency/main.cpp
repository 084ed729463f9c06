// SPDX-License-Identifier: MIT
// loop_latency: what CPU-heavy work does to an event loop, and what offloading it saves.
//
// Every regular file below a directory is hashed with SHA-256 three ways: on the loop thread,
// offloaded to a pool, and offloaded with a bounded number in flight. All the while a heartbeat job
// on the same loop notes how late it is. Ctrl-C stops, and shows what there is.
#include <algorithm>
#include <csignal>
#include <exception>
#include <iostream>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <eddy/run.hpp>
#include <eddy/thread_pool.hpp>

#include "export.hpp"
#include "files.hpp"
#include "measured.hpp"
#include "options.hpp"
#include "report.hpp"
#include "svg.hpp"
#include "ways.hpp"

namespace {

/// Everything the run produces; outlives it, so that an interruption loses nothing.
struct Results {
    eddy::Histogram idle;
    std::vector<Way> ways;
    std::size_t shown = 0;  // of the ways

    void show_next() { show(describe(ways[shown++])); }
};

eddy::Task<> measure(Results& results, Files files, eddy::ThreadPool& pool, std::size_t in_flight) {
    std::vector<Way>& ways = results.ways;
    co_await warm_page_cache(pool, files);
    co_await measure_idle(results.idle);
    show(describe_idle(results.idle));
    co_await measured(ways[0], hash_blocking(ways[0], files));
    results.show_next();
    co_await measured(ways[1], hash_offloaded(ways[1], files, pool));
    results.show_next();
    co_await measured(ways[2], hash_bounded(ways[2], files, pool, in_flight));
    results.show_next();
}

/// Shows what an interruption kept `measure` from showing. False: there was none.
bool show_interrupted(Results& results) {
    if (results.shown == results.ways.size()) {
        return false;
    }
    if (results.ways[results.shown].seconds > 0) {
        results.show_next();
    }
    show("\ninterrupted: the figures above are partial\n");
    return true;
}

void write_files(const Options& options, const Results& results, Files files) {
    if (!options.json.empty()) {
        write_file(options.json, to_json(results.idle, results.ways));
    }
    if (!options.sums.empty()) {
        write_file(options.sums, to_sums(results.ways[0], files));
    }
    if (!options.svg.empty()) {
        write_file(options.svg, to_svg(results.idle, results.ways));
    }
}

int run(const Options& options) {
    FileList list = list_files(options.directory);
    if (list.files.empty() && !list.problems.empty()) {
        list.problems.print(std::cerr, options.verbose);
        return 1;
    }
    // One processor is the loop's, if there are two: a loop that has to share its own with a busy
    // worker waits for the end of that one's time slice, now and then.
    const std::size_t processors = std::max(2U, std::thread::hardware_concurrency());
    const std::size_t threads = options.threads != 0 ? options.threads : processors - 1;
    const std::size_t in_flight = options.in_flight != 0 ? options.in_flight : 2 * threads;
    show(std::to_string(list.files.size()) + " files below " + options.directory.string() + ", " +
         std::to_string(list.links) + " links and " + std::to_string(list.others) +
         " special files skipped, " + std::to_string(threads) +
         " threads, bounded: " + std::to_string(in_flight) + " in flight\n");

    Results results;
    for (const char* const name : {"blocking", "offloaded", "bounded"}) {
        results.ways.emplace_back(name, list.files.size());
    }
    // Where they meet all the same, nice workers give way to the loop at once instead of after 3 to
    // 4 ms; the price is that they give way to other programs too.
    eddy::ThreadPool pool({.name = "hash", .threads = threads, .niceness = 19});
    eddy::run(measure(results, list.files, pool, in_flight), {.handle_signals = true});

    const bool interrupted = show_interrupted(results);
    show(describe_gain(results.ways[0], results.ways[1]));
    check_ways(results.ways, list.files, list.problems);
    list.problems.print(std::cerr, options.verbose);
    write_files(options, results, list.files);
    return interrupted ? 128 + SIGINT : list.problems.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    std::string error;
    const auto options = parse(std::span(argv, static_cast<std::size_t>(argc)).subspan(1), error);
    if (!options) {
        std::cerr << "loop_latency: " << error << "\n\n" << usage;
        return 2;
    }
    try {
        if (options->help) {
            show(usage);
            return 0;
        }
        return run(*options);
    } catch (const std::exception& failure) {
        std::cerr << "loop_latency: " << failure.what() << "\n";
        return 1;
    }
}
