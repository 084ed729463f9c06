// SPDX-License-Identifier: MIT
#pragma once

#include <iosfwd>
#include <span>
#include <string>

#include <eddy/histogram.hpp>

#include "ways.hpp"

/// For a person: figures and a small histogram for each way.
void print_way(std::ostream& out, const Way& way);

/// One line: what the heartbeat shows on a loop that has nothing else to do.
void print_floor(std::ostream& out, const eddy::Histogram& idle);

/// The figures as JSON.
[[nodiscard]] std::string to_json(std::span<const Way> ways);

/// The digests as sha256sum writes them.
[[nodiscard]] std::string to_sums(const Way& way, Files files);

/// Writes a file whole, or throws `std::system_error` naming it.
void write_file(const std::string& name, const std::string& content);
