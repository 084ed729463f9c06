// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
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

/// The option with a number, how much is measured.
template <class T>
struct Amount {
    const char* name;  ///< with its dashes
    const char* what;  ///< in the usage
    T least;
    T most;
    T value;  ///< unless given
};

namespace detail {

template <class T>
struct Options {
    std::vector<std::string> rows;  // empty: all
    T amount;
    std::string json;
    bool help = false;
};

/// As whoever reads the usage would write it.
template <class T>
std::string text(T number) {
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    return {digits.data(), end};
}

template <class Row, class T>
void print_usage(std::FILE* out, const std::vector<Row>& rows, const Amount<T>& amount) {
    const std::string name = amount.name + std::string(" N");
    std::fprintf(out,
                 "usage: [--rows NAME,...] [%s] [--json FILE]\n"
                 "  --rows NAME,...  only these rows (default: all)\n"
                 "  %-15s  %s, %s to %s (default: %s)\n"
                 "  --json FILE      write the figures to FILE as well\n"
                 "rows:\n",
                 name.c_str(),
                 name.c_str(),
                 amount.what,
                 text(amount.least).c_str(),
                 text(amount.most).c_str(),
                 text(amount.value).c_str());
    for (const Row& row : rows) {
        std::fprintf(out, "  %-14s %s\n", row.name.c_str(), row.title.c_str());
    }
}

/// False, after a message, when it is no such number.
template <class T>
[[nodiscard]] bool parse(std::string_view value, const Amount<T>& amount, T& number) {
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    const bool good = error == std::errc() && end == value.data() + value.size() &&
                      number >= amount.least && number <= amount.most;
    if (!good) {
        std::fprintf(stderr,
                     "%s: not a number from %s to %s: %s\n",
                     amount.name,
                     text(amount.least).c_str(),
                     text(amount.most).c_str(),
                     std::string(value).c_str());
    }
    return good;
}

/// False, after a message, when a row does not exist.
template <class Row>
[[nodiscard]] bool parse(std::string_view list,
                         const std::vector<Row>& rows,
                         std::vector<std::string>& names) {
    while (true) {
        const std::size_t comma = list.find(',');
        const std::string name(list.substr(0, comma));
        if (std::none_of(
                rows.begin(), rows.end(), [&](const Row& row) { return row.name == name; })) {
            std::fprintf(stderr, "--rows: no row has the name \"%s\"\n", name.c_str());
            return false;
        }
        names.push_back(name);
        if (comma == std::string_view::npos) {
            return true;
        }
        list.remove_prefix(comma + 1);
    }
}

/// Nothing, after a message, when the arguments make no sense.
template <class Row, class T>
[[nodiscard]] std::optional<Options<T>> parse(int count,
                                              char** arguments,
                                              const std::vector<Row>& rows,
                                              const Amount<T>& amount) {
    Options<T> options{.rows = {}, .amount = amount.value, .json = {}};
    for (int i = 1; i < count; ++i) {
        const std::string_view name = arguments[i];
        if (name == "--help" || name == "-h") {
            options.help = true;
            return options;
        }
        if (name != "--rows" && name != amount.name && name != "--json") {
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
        } else if (!(name == "--rows" ? parse(value, rows, options.rows)
                                      : parse(value, amount, options.amount))) {
            return std::nullopt;
        }
    }
    return options;
}

}  // namespace detail

/// Measures what the arguments ask for, with the `measure`, `print`, `print_summary` and
/// `write_json` that go with the row. A benchmark is no test: 0 whatever the figures are, if they
/// could be written, 2 for arguments that make no sense.
template <class Row, class T>
[[nodiscard]] int run_main(int count,
                           char** arguments,
                           const std::vector<Row>& rows,
                           const Amount<T>& amount,
                           void (*header)()) {
    const auto options = detail::parse(count, arguments, rows, amount);
    if (!options || options->help) {
        detail::print_usage(options ? stdout : stderr, rows, amount);
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
    header();
    std::vector<decltype(measure(rows.front(), options->amount))> results;
    for (const Row& row : rows) {
        const auto& names = options->rows;
        if (names.empty() || std::find(names.begin(), names.end(), row.name) != names.end()) {
            results.push_back(measure(row, options->amount));
            print(results.back());
        }
    }
    print_summary(results);
    if (json.is_open()) {
        write_json(json, results, options->amount);
        if (!json.flush()) {
            std::fprintf(stderr, "--json: cannot write %s\n", options->json.c_str());
            return 1;
        }
    }
    return finished(0);
}

/// A program whose rows are the costs of operations.
[[nodiscard]] inline int run_main(int count, char** arguments, const std::vector<Row>& rows) {
    const Amount<std::size_t> runs{
        .name = "--runs", .what = "rounds that count", .least = 1, .most = 1000, .value = 9};
    return run_main(count, arguments, rows, runs, print_header);
}

}  // namespace bench
