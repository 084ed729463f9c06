// SPDX-License-Identifier: MIT
// What it costs to read many small files: Eddy's part of read_compare.sh.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <eddy/fs/read_file.hpp>
#include <eddy/map_bounded.hpp>
#include <eddy/run.hpp>
#include <eddy/task.hpp>

#include "finished.hpp"

namespace {

using Files = std::vector<std::filesystem::path>;

constexpr std::size_t passes = 5;
constexpr std::size_t together = 64;

double microseconds(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

eddy::Task<std::size_t> length_of(std::filesystem::path file) {
    const std::string text = co_await eddy::read_file(file);
    co_return text.size();
}

std::size_t sum(const std::vector<std::size_t>& lengths) {
    std::size_t all = 0;
    for (const std::size_t length : lengths) {
        all += length;
    }
    return all;
}

eddy::Task<std::size_t> one_by_one(const Files& files) {
    std::size_t bytes = 0;
    for (const std::filesystem::path& file : files) {
        const std::string text = co_await eddy::read_file(file);
        bytes += text.size();
    }
    co_return bytes;
}

eddy::Task<std::size_t> some_at_a_time(const Files& files) {
    const auto lengths = co_await eddy::map_bounded(together, files, length_of);
    co_return sum(lengths);
}

eddy::Task<std::size_t> all_at_once(const Files& files) {
    const auto lengths = co_await eddy::map_bounded(files.size(), files, length_of);
    co_return sum(lengths);
}

/// No runtime at all: the least that reading costs.
eddy::Task<std::size_t> blocking(const Files& files) {
    std::size_t bytes = 0;
    for (const std::filesystem::path& file : files) {
        std::ifstream stream(file, std::ios::binary);
        const std::string text{std::istreambuf_iterator<char>(stream), {}};
        bytes += text.size();
    }
    co_return bytes;
}

struct Way {
    std::string_view name;
    eddy::Task<std::size_t> (*read)(const Files&);
};
constexpr Way ways[] = {
    {"one", one_by_one}, {"64", some_at_a_time}, {"all", all_at_once}, {"blocking", blocking}};

/// Wall time and CPU time of one file, in microseconds; the median of some passes after a first.
eddy::Task<> measure(const Way& way, const Files& files) {
    const std::size_t expected = co_await way.read(files);
    std::array<double, passes> wall{};
    std::array<double, passes> processor{};
    for (std::size_t pass = 0; pass < passes; ++pass) {
        const double begun = microseconds(CLOCK_MONOTONIC);
        const double used = microseconds(CLOCK_PROCESS_CPUTIME_ID);
        const std::size_t bytes = co_await way.read(files);
        wall[pass] = microseconds(CLOCK_MONOTONIC) - begun;
        processor[pass] = microseconds(CLOCK_PROCESS_CPUTIME_ID) - used;
        if (bytes != expected) {
            std::fputs("the files change\n", stderr);
        }
    }
    std::sort(wall.begin(), wall.end());
    std::sort(processor.begin(), processor.end());
    const auto count = static_cast<double>(files.size());
    std::printf("%.2f %.2f\n", wall[passes / 2] / count, processor[passes / 2] / count);
}

int usage(std::FILE* out, int code) {
    std::fputs("usage: read_bench FOLDER one|64|all|blocking\n", out);
    return bench::finished(code);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2 && std::string_view(argv[1]) == "--help") {
        return usage(stdout, 0);
    }
    const auto* const way =
        std::find_if(std::begin(ways), std::end(ways), [&](const Way& candidate) {
            return argc == 3 && candidate.name == argv[2];
        });
    if (way == std::end(ways)) {
        return usage(stderr, 2);
    }
    Files files;
    for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
        files.push_back(entry.path());
    }
    if (files.empty()) {
        return usage(stderr, 2);
    }
    eddy::run(measure(*way, files));
    return bench::finished(0);
}
