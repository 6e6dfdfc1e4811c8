// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Goroutines that grow trees and maps: stacks that move, and many at the same addresses.
package main

import (
	"fmt"
	"os"
	"sync"
)

type node struct {
	left, right *node
	text        []byte
}

func grow(depth, seed int) *node {
	if depth == 0 {
		return nil
	}
	return &node{grow(depth-1, seed*7+1), grow(depth-1, seed*5+3), make([]byte, 64+seed%500)}
}

func count(at *node) int {
	if at == nil {
		return 0
	}
	return 1 + count(at.left) + count(at.right) + len(at.text)
}

func main() {
	var all sync.WaitGroup
	sums := make(chan int, 64)
	for worker := 0; worker < 16; worker++ {
		all.Add(1)
		go func(worker int) {
			defer all.Done()
			index := map[string][]byte{}
			for i := 0; i < 8000; i++ {
				index[fmt.Sprintf("key %d %d", worker, i)] = make([]byte, 100)
			}
			sums <- count(grow(13, worker)) + len(index)
		}(worker)
	}
	all.Wait()
	close(sums)
	sum := 0
	for part := range sums {
		sum += part
	}
	if sum == 0 {
		os.Exit(1)
	}
}
