// SPDX-License-Identifier: MIT
#include "options.hpp"

#include <charconv>
#include <string_view>

const char* const usage =
    "usage: du [OPTION]... [PATH]...\n"
    "\n"
    "Prints how much of a disk each directory takes with all that is below it, in KiB, as the\n"
    "du of GNU coreutils does.\n"
    "\n"
    "  -a        files, too\n"
    "  -b        the sizes of what is in them, in bytes\n"
    "  -d N      nothing that is more than N directories below PATH\n"
    "  -h        1.5M instead of 1536\n"
    "  -k        in KiB, as it is anyway\n"
    "  -l        a file with several names counts with each\n"
    "  -s        the sum only: -d 0\n"
    "  -x        leaves out directories of other file systems\n"
    "  --help    this text\n"
    "\n"
    "Exit status: 0; 1 if something could not be read, the arguments make no sense or the output\n"
    "could not be written; 130 interrupted.\n";

namespace {

bool parse_depth(std::string_view text, std::size_t& depth) {
    const char* const end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, depth);
    return result.ec == std::errc() && result.ptr == end;
}

bool apply(char letter, Options& options) {
    switch (letter) {
        case 'a':
            options.all = true;
            return true;
        case 'b':
            options.apparent = true;
            return true;
        case 'h':
            options.human = true;
            return true;
        case 'k':
            return true;
        case 'l':
            options.every_link = true;
            return true;
        case 's':
            options.sum = true;
            options.max_depth = 0;
            return true;
        case 'x':
            options.one_file_system = true;
            return true;
        default:
            return false;
    }
}

/// Of one argument, "-sx" or "-d2"; `next`: the one after it, which it may take. False: `error`.
bool parse_letters(std::string_view letters,
                   const char* next,
                   bool& took_next,
                   Options& options,
                   std::string& error) {
    for (std::size_t i = 0; i < letters.size(); ++i) {
        if (letters[i] != 'd') {
            if (!apply(letters[i], options)) {
                error = std::string("unknown option -") + letters[i];
                return false;
            }
            continue;
        }
        took_next = i + 1 == letters.size();
        const std::string_view depth =
            took_next ? std::string_view(next != nullptr ? next : "") : letters.substr(i + 1);
        if (!parse_depth(depth, options.max_depth)) {
            error = "-d takes a number, not '" + std::string(depth) + "'";
            return false;
        }
        break;
    }
    return true;
}

}  // namespace

std::optional<Options> parse(std::span<char* const> arguments, std::string& error) {
    Options options;
    bool only_paths = false;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string_view argument = arguments[i];
        if (only_paths || argument.size() < 2 || argument.front() != '-') {
            options.paths.emplace_back(argument);
        } else if (argument == "--") {
            only_paths = true;
        } else if (argument == "--help") {
            options.help = true;
            return options;
        } else {
            bool took_next = false;
            const char* const next = i + 1 < arguments.size() ? arguments[i + 1] : nullptr;
            if (!parse_letters(argument.substr(1), next, took_next, options, error)) {
                return std::nullopt;
            }
            i += took_next ? 1U : 0U;
        }
    }
    if (options.all && options.sum) {
        error = "-a and -s do not go together";
        return std::nullopt;
    }
    if (options.paths.empty()) {
        options.paths.emplace_back(".");
    }
    return options;
}
