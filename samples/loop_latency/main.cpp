// SPDX-License-Identifier: MIT
// loop_latency: what CPU-heavy work does to an event loop, and what offloading it saves.
//
// Every regular file below a directory is hashed with SHA-256 three ways: on the loop thread,
// offloaded to a pool, and offloaded with a bounded number in flight. All the while a heartbeat job
// on the same loop notes how late it is. Ctrl-C stops, and shows what there is.
#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <eddy/run.hpp>
#include <eddy/thread_pool.hpp>

#include "files.hpp"
#include "options.hpp"
#include "report.hpp"
#include "svg.hpp"
#include "ways.hpp"

namespace {

/// Everything the run produces; outlives it, so that an interruption loses nothing.
struct Results {
    eddy::Histogram idle;
    std::vector<Way> ways;
};

eddy::Task<> measure(Results& results, Files files, eddy::ThreadPool& pool, std::size_t in_flight) {
    co_await warm_page_cache(pool, files);
    co_await measure_idle(results.idle);
    print_floor(std::cout, results.idle);
    co_await hash_blocking(results.ways[0], files);
    print_way(std::cout, results.ways[0]);
    co_await hash_offloaded(results.ways[1], files, pool);
    print_way(std::cout, results.ways[1]);
    co_await hash_bounded(results.ways[2], files, pool, in_flight);
    print_way(std::cout, results.ways[2]);
}

/// Reports what could not be hashed, once a file, and checks that the ways agree. False: something
/// is wrong.
bool report_problems(const FileList& list, const std::vector<Way>& ways) {
    bool fine = list.problems.empty();
    for (const std::string& problem : list.problems) {
        std::cerr << "loop_latency: " << problem << "\n";
    }
    for (std::size_t i = 0; i < list.files.size(); ++i) {
        const Digest* first = nullptr;
        bool reported = false;
        for (const Way& way : ways) {
            if (!way.complete || reported) {
                continue;
            }
            const Digest& digest = way.digests[i];
            if (digest.hex.empty()) {
                std::cerr << "loop_latency: " << list.files[i].string() << ": " << digest.problem
                          << "\n";
                reported = true;
            } else if (first != nullptr && first->hex != digest.hex) {
                std::cerr << "loop_latency: " << list.files[i].string()
                          << ": changed while it was read\n";
                reported = true;
            } else {
                first = &digest;
            }
        }
        fine = fine && !reported;
    }
    return fine;
}

int run(const Options& options) {
    const FileList list = list_files(options.directory);
    if (list.files.empty() && !list.problems.empty()) {
        static_cast<void>(report_problems(list, {}));
        return 1;
    }
    const std::size_t processors = std::max(1U, std::thread::hardware_concurrency());
    const std::size_t threads = options.threads != 0 ? options.threads : processors;
    const std::size_t in_flight = options.in_flight != 0 ? options.in_flight : 2 * threads;
    std::cout << list.files.size() << " files below " << options.directory.string() << ", "
              << list.links << " links and " << list.others << " special files skipped, " << threads
              << " threads, bounded: " << in_flight << " in flight\n"
              << std::flush;

    Results results;
    results.ways.resize(3);
    results.ways[0].name = "blocking";
    results.ways[1].name = "offloaded";
    results.ways[2].name = "bounded";
    eddy::ThreadPool pool({.name = "hash", .threads = threads});
    eddy::run(measure(results, list.files, pool, in_flight), {.handle_signals = true});

    const bool interrupted = !results.ways[2].complete;
    if (interrupted) {
        for (const Way& way : results.ways) {
            if (!way.complete && way.files + way.failed != 0) {
                print_way(std::cout, way);
            }
        }
        std::cout << "\ninterrupted: the figures above are partial\n";
    }
    const bool fine = report_problems(list, results.ways);
    if (!options.json.empty()) {
        write_file(options.json, to_json(results.ways));
    }
    if (!options.sums.empty()) {
        write_file(options.sums, to_sums(results.ways[0], list.files));
    }
    if (!options.svg.empty()) {
        write_file(options.svg, to_svg(results.ways));
    }
    return interrupted ? 128 + SIGINT : fine ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    std::string error;
    const auto options = parse(std::span(argv, static_cast<std::size_t>(argc)).subspan(1), error);
    if (!options) {
        std::cerr << "loop_latency: " << error << "\n\n" << usage;
        return 2;
    }
    if (options->help) {
        std::cout << usage;
        return 0;
    }
    try {
        return run(*options);
    } catch (const std::exception& failure) {
        std::cerr << "loop_latency: " << failure.what() << "\n";
        return 1;
    }
}
