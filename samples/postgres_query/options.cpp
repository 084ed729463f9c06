// SPDX-License-Identifier: MIT
#include "options.hpp"

#include <charconv>
#include <string_view>

const char* const usage =
    "usage: postgres_query [OPTIONS] CONNINFO SQL [PARAMETER...]\n"
    "\n"
    "Runs one query on a PostgreSQL server, as often as asked for, all at once over a pool of\n"
    "connections. Prints the rows of the first one, their values separated by tabs.\n"
    "\n"
    "CONNINFO is libpq's: \"host=/run/postgresql dbname=shop\", \"postgresql://127.0.0.1/shop\".\n"
    "In SQL, $1 is the first PARAMETER, and so on.\n"
    "\n"
    "  --connections N   connections, at most (default: 4)\n"
    "  --repeat N        how often (default: 1)\n"
    "  --timeout S       seconds that a query may take, and a connection to come about\n"
    "                    (default: no limit)\n"
    "  --help            this text\n"
    "\n"
    "Exit status: 0 all queries succeeded, 1 some did not or the output could not be written,\n"
    "2 bad arguments, 130 interrupted.\n";

namespace {

constexpr std::size_t most = 100'000;

bool parse_count(std::string_view text, std::size_t& count) {
    const char* const end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, count);
    return result.ec == std::errc() && result.ptr == end && count >= 1 && count <= most;
}

bool parse_seconds(std::string_view text, std::optional<std::chrono::milliseconds>& time) {
    double seconds = 0;
    const char* const end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, seconds);
    if (result.ec != std::errc() || result.ptr != end || !(seconds >= 0.001 && seconds <= most)) {
        return false;
    }
    time = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
    return true;
}

/// Empty: it was one that takes a value, and has it.
std::string take_value(std::string_view option, std::string_view value, Options& options) {
    const bool timed = option == "--timeout";
    if (timed ? parse_seconds(value, options.timeout)
              : parse_count(value, option == "--repeat" ? options.repeat : options.connections)) {
        return {};
    }
    return std::string(option) + " takes " +
           (timed ? "seconds, from 0.001 to 100000" : "a number from 1 to 100000") + ", not '" +
           std::string(value) + "'";
}

}  // namespace

std::optional<Options> parse(std::span<char* const> arguments, std::string& error) {
    Options options;
    std::size_t i = 0;
    for (; i < arguments.size() && *arguments[i] == '-'; ++i) {
        const std::string_view argument = arguments[i];
        if (argument == "--") {
            ++i;
            break;
        }
        if (argument == "--help") {
            options.help = true;
            return options;
        }
        if (argument != "--connections" && argument != "--repeat" && argument != "--timeout") {
            error = "unknown option '" + std::string(argument) + "'";
            return std::nullopt;
        }
        if (i + 1 == arguments.size()) {
            error = std::string(argument) + " needs a value";
            return std::nullopt;
        }
        error = take_value(argument, arguments[++i], options);
        if (!error.empty()) {
            return std::nullopt;
        }
    }
    if (arguments.size() - i < 2) {
        error = "a connection string and a query are wanted";
        return std::nullopt;
    }
    options.connection_info = arguments[i];
    options.sql = arguments[i + 1];
    options.parameters.assign(arguments.begin() + static_cast<std::ptrdiff_t>(i) + 2,
                              arguments.end());
    return options;
}
