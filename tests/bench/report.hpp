// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdio>
#include <ostream>
#include <string>
#include <vector>

#include "bench.hpp"

/// How results are shown: a table for people, JSON for programs.
namespace bench {

namespace detail {

/// Three significant digits, without an exponent.
[[nodiscard]] inline std::string figure(double value) {
    char text[32];
    const int decimals = value >= 100 ? 0 : value >= 10 ? 1 : 2;
    std::snprintf(text, sizeof text, "%.*f", decimals, value);
    return text;
}

[[nodiscard]] inline const char* word(const Verdict& verdict) noexcept {
    return verdict.met ? "met" : "MISSED";
}

}  // namespace detail

inline void print_header() {
    std::printf("%-14s %-11s %10s  %-15s %7s %8s  %s\n",
                "row",
                "contender",
                "median",
                "quartiles",
                "allocs",
                "eddy/it",
                "target");
}

inline void print(const Result& result) {
    using detail::figure;
    std::printf("\n%s: %s, %s\n",
                result.row->name.c_str(),
                result.row->title.c_str(),
                result.row->unit.c_str());
    for (const Measured& one : result.contenders) {
        const bool own = &one == result.contenders.data();
        const std::string quartiles = figure(one.cost.low) + " - " + figure(one.cost.high);
        std::string verdicts;
        for (const Verdict& verdict : result.verdicts) {
            if (own ? verdict.peer.empty() : verdict.peer == one.name) {
                verdicts += verdicts.empty() ? "" : ", ";
                verdicts += verdict.text + ": " + detail::word(verdict);
            }
        }
        std::printf("%-14s %-11s %10s  %-15s %7s %8s  %s\n",
                    "",
                    one.name.c_str(),
                    figure(one.cost.median).c_str(),
                    quartiles.c_str(),
                    figure(one.allocations).c_str(),
                    own ? "" : figure(one.ratio).c_str(),
                    verdicts.c_str());
    }
    std::fflush(stdout);
}

inline void print_summary(const std::vector<Result>& results) {
    std::size_t targets = 0;
    std::string missed;
    for (const Result& result : results) {
        for (const Verdict& verdict : result.verdicts) {
            ++targets;
            if (!verdict.met) {
                missed += "\n  " + result.row->name + ": " + detail::figure(verdict.value) +
                          ", target " + verdict.text;
            }
        }
    }
    std::printf(
        "\n%zu targets, %s%s\n", targets, missed.empty() ? "all met" : "missed:", missed.c_str());
}

/// One object per row. Names and titles are ours and need no escaping.
inline void write_json(std::ostream& out, const std::vector<Result>& results, std::size_t runs) {
    out << "{\n  \"runs\": " << runs << ",\n  \"rows\": [";
    const char* row_separator = "\n";
    for (const Result& result : results) {
        out << row_separator << "    {\"name\": \"" << result.row->name << "\", \"title\": \""
            << result.row->title << "\", \"unit\": \"" << result.row->unit
            << "\",\n     \"contenders\": [";
        row_separator = ",\n";
        const char* separator = "\n";
        for (const Measured& one : result.contenders) {
            out << separator << "       {\"name\": \"" << one.name
                << "\", \"median\": " << one.cost.median << ", \"low\": " << one.cost.low
                << ", \"high\": " << one.cost.high << ", \"allocations\": " << one.allocations
                << ", \"eddy_over_it\": " << one.ratio << "}";
            separator = ",\n";
        }
        out << "],\n     \"targets\": [";
        separator = "\n";
        for (const Verdict& verdict : result.verdicts) {
            out << separator << "       {\"target\": \"" << verdict.text
                << "\", \"value\": " << verdict.value
                << ", \"met\": " << (verdict.met ? "true" : "false") << "}";
            separator = ",\n";
        }
        out << "]}";
    }
    out << "\n  ]\n}\n";
}

}  // namespace bench
