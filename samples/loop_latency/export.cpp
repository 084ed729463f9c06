// SPDX-License-Identifier: MIT
#include "export.hpp"

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <system_error>

#include "text.hpp"

namespace {

std::string us(std::uint64_t nanoseconds) {
    return fixed(static_cast<double>(nanoseconds) / 1e3, 3);
}

std::string lag_to_json(const eddy::Histogram& lag) {
    return "{\"count\":" + std::to_string(lag.count()) + ",\"p50\":" + us(lag.percentile(50)) +
           ",\"p90\":" + us(lag.percentile(90)) + ",\"p99\":" + us(lag.percentile(99)) +
           ",\"p99_9\":" + us(lag.percentile(99.9)) + ",\"max\":" + us(lag.max()) + "}";
}

/// The name with what would break a line replaced, as sha256sum does.
std::string escape(const std::string& name) {
    std::string escaped;
    for (const char c : name) {
        if (c == '\\') {
            escaped += "\\\\";
        } else if (c == '\n') {
            escaped += "\\n";
        } else if (c == '\r') {
            escaped += "\\r";
        } else {
            escaped += c;
        }
    }
    return escaped;
}

}  // namespace

std::string to_json(const eddy::Histogram& idle, std::span<const Way> ways) {
    std::string json = "{\"idle_lag_us\":" + lag_to_json(idle) + ",\n\"ways\":[";
    for (const Way& way : ways) {
        json += json.back() == '[' ? "\n" : ",\n";
        json += " {\"name\":\"" + way.name + "\",\"files\":" + std::to_string(way.files) +
                ",\"bytes\":" + std::to_string(way.bytes) +
                ",\"seconds\":" + fixed(way.seconds, 6) +
                ",\"mb_per_s\":" + fixed(way.mb_per_s(), 3) +
                ",\"lag_us\":" + lag_to_json(way.lag) + "}";
    }
    return json + "\n]}\n";
}

std::string to_sums(const Way& way, Files files) {
    std::string sums;
    for (std::size_t i = 0; i < way.digests.size(); ++i) {
        if (!way.digests[i].hex.empty()) {
            const std::string name = files[i].string();
            const std::string escaped = escape(name);
            sums += escaped == name ? "" : "\\";  // marks a line whose name had to be changed
            sums += way.digests[i].hex + "  " + escaped + "\n";
        }
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
