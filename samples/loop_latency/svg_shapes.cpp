// SPDX-License-Identifier: MIT
#include "svg_shapes.hpp"

#include "text.hpp"

std::string text_at(double x, double y, const std::string& text, const std::string& style) {
    return "<text x=\"" + fixed(x, 1) + "\" y=\"" + fixed(y, 1) + "\"" + style + ">" + text +
           "</text>\n";
}

std::string rectangle(double x, double y, double width, double high, const char* fill) {
    return "<rect x=\"" + fixed(x, 1) + "\" y=\"" + fixed(y, 1) + "\" width=\"" + fixed(width, 1) +
           "\" height=\"" + fixed(high, 1) + "\" fill=\"" + fill + "\"/>\n";
}

std::string line(double x1, double y1, double x2, double y2, const char* style) {
    return "<line x1=\"" + fixed(x1, 1) + "\" y1=\"" + fixed(y1, 1) + "\" x2=\"" + fixed(x2, 1) +
           "\" y2=\"" + fixed(y2, 1) + "\" " + style + "/>\n";
}
