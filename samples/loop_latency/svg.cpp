// SPDX-License-Identifier: MIT
#include "svg.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "svg_shapes.hpp"
#include "text.hpp"

namespace {

constexpr double left = 72;  // the first panel's left edge; all lengths are pixels
constexpr double top = 96;
constexpr double height = 330;
constexpr double panel_width = 270;
constexpr double gap = 24;
constexpr double bar_width = 160;  // at most; right of the bars is room for the labels
constexpr double label_height = 17;
constexpr const char* label_style =  // with a white rim, so that lines behind it do no harm
    " fill=\"#c0392b\" stroke=\"white\" stroke-width=\"4\" paint-order=\"stroke\"";
constexpr int rows_per_decade = 6;
constexpr int first_decade = 3;  // 1 us, in nanoseconds
constexpr int last_decade = 10;  // 10 s

/// The vertical axis: latencies, logarithmic, up to the first whole decade that holds all.
class Axis {
public:
    explicit Axis(double most) {
        while (decades_ < last_decade - first_decade && most > edge(rows())) {
            ++decades_;
        }
    }

    [[nodiscard]] int rows() const { return decades_ * rows_per_decade; }
    /// The lower edge of a row, in nanoseconds.
    [[nodiscard]] static double edge(int row) {
        return std::pow(10.0, first_decade + static_cast<double>(row) / rows_per_decade);
    }
    [[nodiscard]] double y_of(double nanoseconds) const {
        const double decades = std::log10(std::max(nanoseconds, edge(0))) - first_decade;
        return top + height * (1 - std::min(decades / decades_, 1.0));
    }
    [[nodiscard]] std::string draw(double right) const {
        static constexpr std::array<const char*, 8> names = {
            "1 us", "10 us", "100 us", "1 ms", "10 ms", "100 ms", "1 s", "10 s"};
        std::string svg;
        for (int decade = 0; decade <= decades_; ++decade) {
            const double y = y_of(edge(decade * rows_per_decade));
            svg += line(left, y, right, y, "stroke=\"#ddd\"");
            svg += text_at(
                left - 8, y + 4, names[static_cast<std::size_t>(decade)], " text-anchor=\"end\"");
        }
        return svg;
    }

private:
    int decades_ = 3;
};

std::string bars(const eddy::Histogram& lag, const Axis& axis, double x) {
    std::vector<double> counts;
    for (int row = 0; row < axis.rows(); ++row) {
        const auto from = row == 0 ? 0 : static_cast<std::uint64_t>(Axis::edge(row));
        const bool last = row + 1 == axis.rows();
        const auto to = last ? UINT64_MAX : static_cast<std::uint64_t>(Axis::edge(row + 1));
        counts.push_back(static_cast<double>(lag.count_between(from, to)));
    }
    const double largest = *std::max_element(counts.begin(), counts.end());
    std::string svg;
    for (int row = 0; row < axis.rows(); ++row) {
        const double count = counts[static_cast<std::size_t>(row)];
        if (count > 0) {  // the square root keeps rare, late heartbeats visible
            const double y = axis.y_of(Axis::edge(row + 1));
            const double width = std::max(2.0, std::sqrt(count / largest) * bar_width);
            svg += rectangle(x, y, width, axis.y_of(Axis::edge(row)) - y - 1, "#4a7fb5");
        }
    }
    return svg;
}

/// Lines at the maximum and two percentiles; their labels move down rather than overlap.
std::string marks(const eddy::Histogram& lag, const Axis& axis, double x) {
    struct Mark {
        const char* name;
        std::uint64_t value;
    };
    const std::array<Mark, 3> all = {
        {{"max ", lag.max()}, {"p99 ", lag.percentile(99)}, {"p50 ", lag.percentile(50)}}};
    std::string svg;
    double label_y = top;
    double room = label_height * static_cast<double>(all.size() - 1);  // for the labels below
    for (const Mark& mark : all) {
        const double y = axis.y_of(static_cast<double>(mark.value));
        label_y = std::clamp(y + 4, label_y, top + height + 4 - room);
        svg += line(x, y, x + bar_width + 14, y, "stroke=\"#c0392b\" stroke-dasharray=\"4 3\"");
        svg += text_at(x + bar_width + 20, label_y, mark.name + human(mark.value), label_style);
        label_y += label_height;
        room -= label_height;
    }
    return svg;
}

std::string panel(const Way& way, const Axis& axis, double x) {
    return text_at(x, top - 36, way.name, " font-size=\"16\" font-weight=\"bold\"") +
           text_at(x,
                   top - 17,
                   fixed(way.mb_per_s(), 0) + " MB/s, " + std::to_string(way.lag.count()) +
                       " heartbeats") +
           bars(way.lag, axis, x) + line(x, top, x, top + height, "stroke=\"#333\"") +
           marks(way.lag, axis, x);
}

}  // namespace

std::string to_svg(const eddy::Histogram& idle, std::span<const Way> ways) {
    std::uint64_t most = idle.max();
    for (const Way& way : ways) {
        most = std::max(most, way.lag.max());
    }
    const Axis axis(static_cast<double>(most));
    const double right = left + static_cast<double>(ways.size()) * (panel_width + gap) - gap;
    const std::string size =
        "width=\"" + fixed(right + 10, 0) + "\" height=\"" + fixed(top + height + 64, 0) + "\"";
    std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" " + size +
                      " font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\">\n" + "<rect " +
                      size + " fill=\"white\"/>\n";
    svg += text_at(left,
                   30,
                   "How late a heartbeat of one millisecond is while " +
                       std::to_string(ways[0].digests.size()) + " files are hashed",
                   " font-size=\"18\"");
    svg += axis.draw(right);
    const double floor = axis.y_of(static_cast<double>(idle.percentile(99)));
    svg += line(left, floor, right, floor, "stroke=\"#2e8b57\"");
    double x = left;
    for (const Way& way : ways) {
        svg += panel(way, axis, x);
        x += panel_width + gap;
    }
    svg +=
        text_at(left,
                top + height + 28,
                "Up: lateness, logarithmic. Right: share of the heartbeats, as its square root.");
    svg += text_at(left,
                   top + height + 47,
                   "Green line: p99 of an idle loop, " + human(idle.percentile(99)) + ".");
    return svg + "</svg>\n";
}
