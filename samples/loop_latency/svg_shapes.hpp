// SPDX-License-Identifier: MIT
#pragma once

#include <string>

/// The shapes that the picture is made of, as SVG elements. `style` is more attributes.
std::string text_at(double x, double y, const std::string& text, const std::string& style = "");
std::string rectangle(double x, double y, double width, double high, const char* fill);
std::string line(double x1, double y1, double x2, double y2, const char* style);
