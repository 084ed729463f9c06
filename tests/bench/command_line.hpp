// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "bench.hpp"
#include "finished.hpp"
#include "report.hpp"

/// The main function of a bench program.
namespace bench {

namespace detail {

struct Options {
    std::vector<std::string> rows;  // empty: all
    std::size_t runs = 9;
    std::string json;
    bool help = false;
};

inline void print_usage(std::FILE* out, const std::vector<Row>& rows) {
    std::fprintf(out,
                 "usage: [--rows NAME,...] [--runs N] [--json FILE]\n"
                 "  --rows NAME,...  only these rows (default: all)\n"
                 "  --runs N         rounds that count, 1 to 1000 (default: 9)\n"
                 "  --json FILE      write the figures to FILE as well\n"
                 "rows:\n");
    for (const Row& row : rows) {
        std::fprintf(out, "  %-14s %s\n", row.name.c_str(), row.title.c_str());
    }
}

[[nodiscard]] inline std::vector<std::string> split(std::string_view list) {
    std::vector<std::string> names;
    while (true) {
        const std::size_t comma = list.find(',');
        names.emplace_back(list.substr(0, comma));
        if (comma == std::string_view::npos) {
            return names;
        }
        list.remove_prefix(comma + 1);
    }
}

[[nodiscard]] inline const Row* find(const std::vector<Row>& rows, std::string_view name) {
    for (const Row& row : rows) {
        if (row.name == name) {
            return &row;
        }
    }
    return nullptr;
}

/// Nothing, after a message, when the arguments make no sense.
[[nodiscard]] inline std::optional<Options> parse(int count,
                                                  char** arguments,
                                                  const std::vector<Row>& rows) {
    Options options;
    for (int i = 1; i < count; ++i) {
        const std::string_view name = arguments[i];
        if (name == "--help" || name == "-h") {
            options.help = true;
            return options;
        }
        if (name != "--rows" && name != "--runs" && name != "--json") {
            std::fprintf(stderr, "unknown argument: %s\n", arguments[i]);
            return std::nullopt;
        }
        if (++i == count) {
            std::fprintf(stderr, "%s needs a value\n", arguments[i - 1]);
            return std::nullopt;
        }
        const std::string_view value = arguments[i];
        if (name == "--json") {
            options.json = value;
        } else if (name == "--runs") {
            const auto [end, error] =
                std::from_chars(value.data(), value.data() + value.size(), options.runs);
            if (error != std::errc() || end != value.data() + value.size() || options.runs == 0 ||
                options.runs > 1000) {
                std::fprintf(stderr, "--runs: not a number from 1 to 1000: %s\n", arguments[i]);
                return std::nullopt;
            }
        } else {
            options.rows = split(value);
            for (const std::string& row : options.rows) {
                if (find(rows, row) == nullptr) {
                    std::fprintf(stderr, "--rows: no row has the name \"%s\"\n", row.c_str());
                    return std::nullopt;
                }
            }
        }
    }
    return options;
}

}  // namespace detail

/// Measures what the arguments ask for. A benchmark is no test: 0 whatever the figures are, if they
/// could be written, 2 for arguments that make no sense.
[[nodiscard]] inline int run_main(int count, char** arguments, const std::vector<Row>& rows) {
    const auto options = detail::parse(count, arguments, rows);
    if (!options || options->help) {
        detail::print_usage(options ? stdout : stderr, rows);
        return finished(options ? 0 : 2);
    }
    std::ofstream json;
    if (!options->json.empty()) {
        json.open(options->json);
        if (!json) {
            std::fprintf(stderr, "--json: cannot write %s\n", options->json.c_str());
            return 2;
        }
    }
    std::vector<const Row*> chosen;
    for (const Row& row : rows) {
        const auto& names = options->rows;
        if (names.empty() || std::find(names.begin(), names.end(), row.name) != names.end()) {
            chosen.push_back(&row);
        }
    }
    print_header();
    std::vector<Result> results;
    for (const Row* row : chosen) {
        results.push_back(measure(*row, options->runs));
        print(results.back());
    }
    print_summary(results);
    if (json.is_open()) {
        write_json(json, results, options->runs);
        if (!json.flush()) {
            std::fprintf(stderr, "--json: cannot write %s\n", options->json.c_str());
            return 1;
        }
    }
    return finished(0);
}

}  // namespace bench
