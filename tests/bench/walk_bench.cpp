// SPDX-License-Identifier: MIT
// Prints what is below a directory, as `find` does: `du_compare.sh` holds the two together.
#include <cstdio>
#include <span>
#include <string>
#include <string_view>

#include <eddy/fs/walk.hpp>
#include <eddy/run.hpp>

#include "finished.hpp"

namespace {

constexpr const char* usage =
    "usage: walk_bench [--status] ROOT\n"
    "\n"
    "Prints all that is below ROOT, as `find ROOT` does; --status: with how many blocks each "
    "takes,\n"
    "as `find ROOT -printf '%b %p\\n'`.\n";

eddy::Task<int> print_all(std::string root, bool status) {
    int result = 0;
    eddy::DirectoryWalk entries = eddy::walk(root, {.status = status});
    while (const auto entry = co_await entries.next()) {
        if (entry->error) {
            std::fprintf(stderr,
                         "walk_bench: %s: %s\n",
                         entry->path.c_str(),
                         entry->error.message().c_str());
            result = 1;
        }
        if (entry->status) {
            std::printf("%llu ", static_cast<unsigned long long>(entry->status->allocated / 512));
        }
        std::fwrite(entry->path.data(), 1, entry->path.size(), stdout);
        std::fputc('\n', stdout);
    }
    co_return result;
}

}  // namespace

int main(int argc, char** argv) {
    auto arguments = std::span(argv, static_cast<std::size_t>(argc)).subspan(1);
    if (arguments.size() == 1 && std::string_view(arguments[0]) == "--help") {
        std::fputs(usage, stdout);
        return bench::finished(0);
    }
    const bool status = !arguments.empty() && std::string_view(arguments[0]) == "--status";
    arguments = arguments.subspan(status ? 1 : 0);
    if (arguments.size() != 1) {
        std::fputs(usage, stderr);
        return 2;
    }
    return bench::finished(eddy::run_main(print_all(arguments[0], status)));
}
