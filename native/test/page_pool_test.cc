#include "../engine/page_pool.h"

#include <random>
#include <set>
#include <vector>

#include "check.h"
#include "thrown.h"

using check::thrown_by;
using retrace::error_code;
using retrace::page_pool;

TEST_CASE("a pool gives each page once and then says that there is none") {
  page_pool pool(5);
  std::set<int32_t> taken;
  for (int i = 0; i < 5; ++i) taken.insert(pool.take());
  EXPECT_EQUAL(taken.size(), 5u);
  EXPECT_EQUAL(*taken.begin(), 0);
  EXPECT_EQUAL(*taken.rbegin(), 4);
  EXPECT_EQUAL(pool.free_pages(), 0);
  EXPECT(thrown_by([&] { pool.take(); }).code == error_code::capacity);
  EXPECT_EQUAL(pool.pages(), 5);
}

TEST_CASE("a page comes free with its last reference") {
  page_pool pool(1);
  const int32_t page = pool.take();
  pool.retain(page);
  pool.release(page);
  EXPECT_EQUAL(pool.references(page), 1);
  EXPECT_EQUAL(pool.free_pages(), 0);
  pool.release(page);
  EXPECT_EQUAL(pool.references(page), 0);
  EXPECT_EQUAL(pool.free_pages(), 1);
  EXPECT_EQUAL(pool.take(), page);
}

TEST_CASE("a page that is not in use can be neither retained nor released") {
  page_pool pool(2);
  const int32_t page = pool.take();
  EXPECT(thrown_by([&] { pool.release(1 - page); }).code == error_code::internal);
  EXPECT(thrown_by([&] { pool.retain(1 - page); }).code == error_code::internal);
  EXPECT(thrown_by([&] { pool.release(-1); }).code == error_code::internal);
  EXPECT(thrown_by([&] { pool.retain(2); }).code == error_code::internal);
  EXPECT_EQUAL(pool.free_pages(), 1);
}

TEST_CASE("a pool without pages is a pool, one with fewer is not") {
  page_pool pool(0);
  EXPECT_EQUAL(pool.free_pages(), 0);
  EXPECT(thrown_by([] { page_pool negative(-1); }).code == error_code::internal);
}

TEST_CASE("takes, retains and releases at random agree with a list of counts") {
  std::mt19937 random(7);
  for (int run = 0; run < 20; ++run) {
    const int32_t pages = 1 + random() % 20;
    page_pool pool(pages);
    std::vector<int32_t> counts(pages, 0);
    for (int step = 0; step < 2000; ++step) {
      const int32_t page = random() % pages;
      if (random() % 3 == 0 && pool.free_pages() > 0) {
        const int32_t taken = pool.take();
        EXPECT_EQUAL(counts[taken], 0);
        counts[taken] = 1;
      } else if (counts[page] > 0 && random() % 2) {
        pool.retain(page);
        ++counts[page];
      } else if (counts[page] > 0) {
        pool.release(page);
        --counts[page];
      }
      int32_t unused = 0;
      for (int32_t i = 0; i < pages; ++i) {
        EXPECT_EQUAL(pool.references(i), counts[i]);
        unused += counts[i] == 0;
      }
      EXPECT_EQUAL(pool.free_pages(), unused);
    }
  }
}

TEST_MAIN
