// SPDX-License-Identifier: MIT
#include <array>
#include <new>
#include <thread>

#include <eddy/detail/post_slab.hpp>

#include "explore.hpp"

using eddy::detail::PostSlab;

namespace {

constexpr std::size_t size = PostSlab::block_size;

/// A block with something in it: read and overwritten by who gives it back.
[[nodiscard]] int* made(int value) { return new (PostSlab::allocate(size)) int(value); }
void give_back(int* block, int value) {
    explore::check(*block == value, "what was written is there");
    *block = -1;
    PostSlab::release(block, size);
}

}  // namespace

// The heap says when one is freed twice, used after that, or never freed: at the end of the
// execution nothing may be left.
EXPLORE("post slab: freed once, by the last of three threads") {
    std::thread a;
    std::thread b;
    std::thread maker([&] {
        a = std::thread([block = made(1)] { give_back(block, 1); });
        b = std::thread([block = made(2)] { give_back(block, 2); });
        give_back(made(3), 3);
    });  // its end gives back what it has not cut
    maker.join();
    a.join();
    b.join();
}

EXPLORE("post slab: a whole slab is cut, and another one") {
    std::array<int*, PostSlab::blocks + 1> blocks{};
    std::thread maker([&] {
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            blocks.at(i) = made(static_cast<int>(i));
        }
    });
    maker.join();
    std::thread other([&] {
        for (std::size_t i = 2; i < blocks.size(); i += 2) {
            give_back(blocks.at(i), static_cast<int>(i));
        }
        give_back(blocks[0], 0);
    });
    for (std::size_t i = 1; i < blocks.size(); i += 2) {
        give_back(blocks.at(i), static_cast<int>(i));
    }
    other.join();
}
