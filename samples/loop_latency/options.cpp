// SPDX-License-Identifier: MIT
#include "options.hpp"

#include <charconv>
#include <string_view>

const char* const usage =
    "usage: loop_latency [OPTIONS] [DIR]\n"
    "\n"
    "Hashes every regular file below DIR (default: /usr/include) with SHA-256 in three ways, and\n"
    "measures how late a heartbeat on the same loop gets: on the loop thread (blocking),\n"
    "offloaded to a thread pool, and offloaded with a bounded number in flight.\n"
    "\n"
    "  --json FILE      write the figures as JSON\n"
    "  --sums FILE      write the digests as sha256sum does; check with sha256sum -c FILE\n"
    "  --svg FILE       draw the latency distributions side by side\n"
    "  --threads N      threads of the pool (default: one for each processor but one)\n"
    "  --in-flight N    files in flight in the bounded way (default: twice the threads)\n"
    "  --verbose        list every problem; else more than ten of one kind are counted\n"
    "  --help           this text\n"
    "\n"
    "Exit status: 0 all files were hashed, 1 some were not or the output could\n"
    "not be written, 2 bad arguments, 130 interrupted.\n";

namespace {

bool parse_count(std::string_view text, std::size_t& count) {
    const char* const end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, count);
    return result.ec == std::errc() && result.ptr == end && count >= 1 && count <= 100'000;
}

}  // namespace

std::optional<Options> parse(std::span<char* const> arguments, std::string& error) {
    Options options;
    bool directory_given = false;
    bool only_directories = false;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string_view argument = arguments[i];
        const bool is_option = !only_directories && argument.starts_with("-");
        if (!is_option) {
            if (directory_given) {
                error = "one directory at a time: '" + std::string(argument) + "' is too many";
                return std::nullopt;
            }
            options.directory = argument;
            directory_given = true;
        } else if (argument == "--") {
            only_directories = true;
        } else if (argument == "--help") {
            options.help = true;
        } else if (argument == "--verbose") {
            options.verbose = true;
        } else if (argument == "--json" || argument == "--sums" || argument == "--svg" ||
                   argument == "--threads" || argument == "--in-flight") {
            if (i + 1 == arguments.size() || *arguments[i + 1] == '\0') {
                error = std::string(argument) + " needs a value";
                return std::nullopt;
            }
            const std::string_view value = arguments[++i];
            if (argument == "--json") {
                options.json = value;
            } else if (argument == "--sums") {
                options.sums = value;
            } else if (argument == "--svg") {
                options.svg = value;
            } else if (!parse_count(
                           value, argument == "--threads" ? options.threads : options.in_flight)) {
                error = std::string(argument) + " takes a number from 1 to 100000, not '" +
                        std::string(value) + "'";
                return std::nullopt;
            }
        } else {
            error = "unknown option '" + std::string(argument) + "'";
            return std::nullopt;
        }
    }
    return options;
}
