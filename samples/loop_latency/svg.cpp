// SPDX-License-Identifier: MIT
#include "svg.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>

namespace {

constexpr double panel_width = 260;
constexpr double gap = 40;
constexpr double left = 80;
constexpr double top = 70;
constexpr double height = 360;
constexpr int rows_per_decade = 6;
constexpr int first_decade = 3;  // 1 us, in nanoseconds
constexpr int last_decade = 10;  // 10 s
constexpr int rows = (last_decade - first_decade) * rows_per_decade;

std::string number(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f", value);
    return text.data();
}

std::string text_at(double x, double y, const std::string& text, const std::string& style = "") {
    return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\"" + style + ">" + text +
           "</text>\n";
}

std::string rectangle(double x, double y, double width, double high, const char* fill) {
    return "<rect x=\"" + number(x) + "\" y=\"" + number(y) + "\" width=\"" + number(width) +
           "\" height=\"" + number(high) + "\" fill=\"" + fill + "\"/>\n";
}

std::string line(double x1, double y1, double x2, double y2, const char* style) {
    return "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) +
           "\" y2=\"" + number(y2) + "\" " + style + "/>\n";
}

/// The lower edge of a row, in nanoseconds.
double edge(int row) {
    return std::pow(10.0, first_decade + static_cast<double>(row) / rows_per_decade);
}

/// Where a latency lies on the vertical axis.
double y_of(double nanoseconds) {
    const double decades = std::log10(std::max(nanoseconds, edge(0))) - first_decade;
    return top + height * (1 - std::min(decades / (last_decade - first_decade), 1.0));
}

std::string label(double nanoseconds) {
    if (nanoseconds < 1e6) {
        return number(nanoseconds / 1e3) + " us";
    }
    return nanoseconds < 1e9 ? number(nanoseconds / 1e6) + " ms" : number(nanoseconds / 1e9) + " s";
}

std::string axis(double right) {
    static constexpr std::array<const char*, 8> names = {
        "1 us", "10 us", "100 us", "1 ms", "10 ms", "100 ms", "1 s", "10 s"};
    std::string svg;
    for (int decade = first_decade; decade <= last_decade; ++decade) {
        const double y = y_of(std::pow(10.0, decade));
        svg += line(left, y, right, y, "stroke=\"#ddd\"");
        svg += text_at(left - 8,
                       y + 4,
                       names[static_cast<std::size_t>(decade - first_decade)],
                       " text-anchor=\"end\"");
    }
    return svg;
}

std::string panel(const Way& way, double x) {
    std::string svg = text_at(x, top - 30, way.name, " font-size=\"15\" font-weight=\"bold\"");
    svg += text_at(x,
                   top - 13,
                   number(way.mb_per_s()) + " MB/s, " + std::to_string(way.files) + " files, " +
                       std::to_string(way.lag.count()) + " heartbeats");
    std::array<double, rows> shares{};
    double largest = 0;
    for (int row = 0; row < rows; ++row) {
        const auto from = row == 0 ? 0 : static_cast<std::uint64_t>(edge(row));
        const auto to = row + 1 == rows ? UINT64_MAX : static_cast<std::uint64_t>(edge(row + 1));
        const auto count = static_cast<double>(way.lag.count_between(from, to));
        shares[static_cast<std::size_t>(row)] =
            way.lag.count() != 0 ? count / static_cast<double>(way.lag.count()) : 0;
        largest = std::max(largest, shares[static_cast<std::size_t>(row)]);
    }
    for (int row = 0; row < rows; ++row) {
        const double share = shares[static_cast<std::size_t>(row)];
        if (share > 0) {  // the square root keeps rare, late heartbeats visible
            const double width = std::max(2.0, std::sqrt(share / largest) * (panel_width - 70));
            const double y = y_of(edge(row + 1));
            svg += rectangle(x, y, width, y_of(edge(row)) - y - 1, "#4a7fb5");
        }
    }
    svg += line(x, top, x, top + height, "stroke=\"#333\"");
    for (const double percent : {50.0, 99.0}) {
        const auto value = static_cast<double>(way.lag.percentile(percent));
        const double y = y_of(value);
        svg += line(x, y, x + panel_width, y, "stroke=\"#c0392b\" stroke-dasharray=\"4 3\"");
        svg += text_at(x + panel_width,
                       y + (percent > 50 ? -4 : 13),
                       (percent > 50 ? "p99 " : "p50 ") + label(value),
                       " fill=\"#c0392b\" text-anchor=\"end\"");
    }
    return svg;
}

}  // namespace

std::string to_svg(std::span<const Way> ways) {
    const double right = left + static_cast<double>(ways.size()) * (panel_width + gap) - gap;
    std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + number(right + 30) +
                      "\" height=\"" + number(top + height + 50) +
                      "\" font-family=\"sans-serif\" font-size=\"11\" fill=\"#222\">\n";
    svg += rectangle(0, 0, right + 30, top + height + 50, "white");
    svg += text_at(left,
                   22,
                   "How late a one-millisecond heartbeat is while files are hashed",
                   " font-size=\"16\"");
    svg += axis(right);
    double x = left;
    for (const Way& way : ways) {
        svg += panel(way, x);
        x += panel_width + gap;
    }
    svg +=
        text_at(left,
                top + height + 30,
                "Up: lateness, logarithmic. Right: share of the heartbeats, as its square root.");
    return svg + "</svg>\n";
}
