// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>

#include <eddy/histogram.hpp>

#include "way.hpp"

/// The figures as JSON.
[[nodiscard]] std::string to_json(const eddy::Histogram& idle, std::span<const Way> ways);

/// The digests as sha256sum writes them.
[[nodiscard]] std::string to_sums(const Way& way, Files files);

/// Writes a file whole, or throws `std::system_error` naming it.
void write_file(const std::string& name, const std::string& content);
