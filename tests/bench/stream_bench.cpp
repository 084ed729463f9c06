// SPDX-License-Identifier: MIT
// What the layers around a stream cost: see README.md.
#include <vector>

#include "command_line.hpp"
#include "counting_new.hpp"
#include "stream_layers.hpp"

int main(int count, char** arguments) {
    std::vector<bench::Row> rows;
    bench::add_layer_rows(rows);
    return bench::run_main(count, arguments, rows);
}
