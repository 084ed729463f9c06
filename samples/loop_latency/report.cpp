// SPDX-License-Identifier: MIT
#include "report.hpp"

#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <ostream>
#include <string>
#include <system_error>

namespace {

double us(std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e3; }

std::string fixed(double value, int digits) {
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%.*f", digits, value);
    return text.data();
}

struct Percentile {
    const char* key;
    double percent;
};
constexpr std::array<Percentile, 4> percentiles = {
    {{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99_9", 99.9}}};

std::string human(double microseconds) {
    if (microseconds < 1e3) {
        return fixed(microseconds, 0) + " us";
    }
    return microseconds < 1e6 ? fixed(microseconds / 1e3, 1) + " ms"
                              : fixed(microseconds / 1e6, 2) + " s";
}

std::string json_string(const std::string& text) {
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            quoted += '\\';
        }
        quoted += c;
    }
    return quoted + "\"";
}

}  // namespace

void print_floor(std::ostream& out, const eddy::Histogram& idle) {
    out << "idle loop: lag p50 " << human(us(idle.percentile(50))) << ", p99 "
        << human(us(idle.percentile(99))) << " (the floor: timers are rounded to a millisecond)\n";
}

void print_way(std::ostream& out, const Way& way) {
    out << "\n"
        << way.name << (way.complete ? "" : " (interrupted)") << ": " << way.files << " files, "
        << way.bytes << " bytes, " << fixed(way.seconds, 2) << " s, " << fixed(way.mb_per_s(), 1)
        << " MB/s";
    if (way.failed != 0) {
        out << ", " << way.failed << " failed";
    }
    out << "\n  loop lag: ";
    for (const Percentile& percentile : percentiles) {
        std::string label = percentile.key;
        if (const auto underscore = label.find('_'); underscore != std::string::npos) {
            label[underscore] = '.';
        }
        out << label << " " << human(us(way.lag.percentile(percentile.percent))) << "  ";
    }
    out << "max " << human(us(way.lag.max())) << "\n";
    std::uint64_t from = 0;
    for (std::uint64_t to = 100'000; from < 100'000'000'000; to *= 10) {
        const std::uint64_t count = way.lag.count_between(from, to);
        if (count != 0) {
            const double share = static_cast<double>(count) / static_cast<double>(way.lag.count());
            const auto width = static_cast<std::size_t>(std::ceil(share * 40));
            out << "  < " << human(us(to)) << std::string(12 - human(us(to)).size(), ' ')
                << std::string(width, '#') << " " << count << "\n";
        }
        from = to;
    }
}

std::string to_json(std::span<const Way> ways) {
    std::string json = "{\"ways\":[";
    for (const Way& way : ways) {
        json += json.back() == '[' ? "\n" : ",\n";
        json += " {\"name\":" + json_string(way.name) + ",\"files\":" + std::to_string(way.files) +
                ",\"bytes\":" + std::to_string(way.bytes) +
                ",\"seconds\":" + fixed(way.seconds, 6) +
                ",\"mb_per_s\":" + fixed(way.mb_per_s(), 3) + ",\"lag_us\":{";
        for (const Percentile& percentile : percentiles) {
            json += "\"" + std::string(percentile.key) +
                    "\":" + fixed(us(way.lag.percentile(percentile.percent)), 3) + ",";
        }
        json += "\"max\":" + fixed(us(way.lag.max()), 3) + "}}";
    }
    return json + "\n]}\n";
}

std::string to_sums(const Way& way, Files files) {
    std::string sums;
    for (std::size_t i = 0; i < way.digests.size(); ++i) {
        if (way.digests[i].hex.empty()) {
            continue;
        }
        std::string name;
        bool escaped = false;  // sha256sum marks a line whose name it had to change
        for (const char c : files[i].string()) {
            const char* const instead = c == '\\'   ? "\\\\"
                                        : c == '\n' ? "\\n"
                                        : c == '\r' ? "\\r"
                                                    : nullptr;
            escaped = escaped || instead != nullptr;
            if (instead != nullptr) {
                name += instead;
            } else {
                name += c;
            }
        }
        sums += (escaped ? "\\" : "") + way.digests[i].hex + "  " + name + "\n";
    }
    return sums;
}

void write_file(const std::string& name, const std::string& content) {
    std::ofstream file(name, std::ios::binary);
    file << content;
    file.close();
    if (!file) {
        throw std::system_error(errno, std::generic_category(), "cannot write " + name);
    }
}
