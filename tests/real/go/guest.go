// A bit of most of Go: what it prints is the same for every target.
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"container/heap"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"math/big"
	"math/bits"
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"text/template"
	"time"
	"unicode/utf8"
)

// Where files are read and written.
var folder = os.Args[1]

func section(name string) { fmt.Println("==", name) }

func check(err error) {
	if err != nil {
		panic(err)
	}
}

type shape interface {
	area() float64
}
type square struct{ side float64 }
type circle struct{ radius float64 }

func (s square) area() float64  { return s.side * s.side }
func (c *circle) area() float64 { return math.Pi * c.radius * c.radius }

type tree[K interface{ ~int | ~string }, V any] struct {
	left, right *tree[K, V]
	key         K
	value       V
}

func (t *tree[K, V]) put(key K, value V) *tree[K, V] {
	switch {
	case t == nil:
		return &tree[K, V]{key: key, value: value}
	case key < t.key:
		t.left = t.left.put(key, value)
	case key > t.key:
		t.right = t.right.put(key, value)
	default:
		t.value = value
	}
	return t
}

func (t *tree[K, V]) all(yield func(K, V) bool) bool {
	return t == nil || t.left.all(yield) && yield(t.key, t.value) && t.right.all(yield)
}

func language() {
	section("language")
	for _, s := range []shape{square{3}, &circle{2}} {
		switch v := s.(type) {
		case square:
			fmt.Printf("%T %.3f %v\n", v, v.area(), v)
		case *circle:
			fmt.Printf("%T %.3f %+v\n", v, v.area(), *v)
		}
	}
	var words *tree[string, int]
	for i, word := range strings.Fields("der die das wer wie was wieso weshalb warum") {
		words = words.put(word, i)
	}
	words.all(func(word string, i int) bool {
		fmt.Print(word, "=", i, " ")
		return word != "wer"
	})
	fmt.Println()
	counts := map[string]int{}
	for _, word := range strings.Fields(strings.Repeat("a b c a ", 100)) {
		counts[word]++
	}
	fmt.Println(counts, len(counts), slices.Sorted(maps.Keys(counts)))
	var deferred []int
	func() {
		for i := range 5 {
			defer func() { deferred = append(deferred, i) }()
		}
	}()
	fmt.Println(deferred)
	const huge = 1 << 100
	byteful, least := uint8(200), int8(-128)
	fmt.Println(huge>>98, byteful+100, least/int8(len(deferred)-6), least<<1, 7&^5, -7%3, math.MaxUint64/uint64(3))
	fmt.Println(utf8.RuneCountInString("Zwölf"), []rune("Ünï"), strings.ToUpper("straße"), "\u00e9"[0])
	fmt.Printf("%08b|%-8s|%8.3f|%x|%q|%v|%+v|%#v\n", 37, "ab", math.E, "hex", 'ü', nil, struct{ A, B int }{1, 2},
		[]string{"x"})
}

func failures() {
	section("panics and errors")
	attempt := func(what string, f func()) {
		defer func() { fmt.Println(what, recover()) }()
		f()
	}
	var none *circle
	var list []int
	var unmade map[string]int
	zero := len(list)
	attempt("null:", func() { fmt.Println(none.area()) })
	attempt("index:", func() { fmt.Println(list[zero+3]) })
	attempt("slice:", func() { fmt.Println(list[zero+1 : zero]) })
	attempt("division:", func() { fmt.Println(1 / zero) })
	attempt("map:", func() { unmade["a"] = 1 })
	attempt("type:", func() { fmt.Println(any("text").(int)) })
	attempt("own:", func() {
		defer func() { panic(fmt.Sprint("again after ", recover())) }()
		panic("first")
	})
	_, err := os.Open(folder + "/nowhere")
	wrapped := fmt.Errorf("opening: %w", err)
	var path *os.PathError
	fmt.Println(errors.Is(wrapped, os.ErrNotExist), errors.As(wrapped, &path), path.Op)
	_, err = strconv.Atoi("12x")
	fmt.Println(err)
}

type numbers []int

func (n numbers) Len() int           { return len(n) }
func (n numbers) Less(i, j int) bool { return n[i] < n[j] }
func (n numbers) Swap(i, j int)      { n[i], n[j] = n[j], n[i] }
func (n *numbers) Push(x any)        { *n = append(*n, x.(int)) }
func (n *numbers) Pop() any {
	last := (*n)[len(*n)-1]
	*n = (*n)[:len(*n)-1]
	return last
}

func sorting() {
	section("sorting")
	source := rand.New(rand.NewSource(42))
	list := make(numbers, 200_000)
	for i := range list {
		list[i] = source.Intn(1_000_000)
	}
	other := slices.Clone(list)
	sort.Sort(list)
	slices.Sort(other)
	fmt.Println(slices.Equal(list, other), list[0], list[100_000], list[199_999])
	at, found := slices.BinarySearch(list, list[777])
	fmt.Println(list[at] == list[777], found)
	queue := &numbers{5, 2, 8}
	heap.Init(queue)
	heap.Push(queue, 1)
	for queue.Len() > 0 {
		fmt.Print(heap.Pop(queue), " ")
	}
	fmt.Println()
}

func concurrency() {
	section("goroutines")
	jobs, results := make(chan int), make(chan [2]int, 16)
	var group sync.WaitGroup
	for range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			for n := range jobs {
				steps := 0
				for m := n; m != 1; steps++ {
					if m%2 == 0 {
						m /= 2
					} else {
						m = 3*m + 1
					}
				}
				results <- [2]int{n, steps}
			}
		}()
	}
	go func() {
		for n := 1; n <= 5000; n++ {
			jobs <- n
		}
		close(jobs)
		group.Wait()
		close(results)
	}()
	longest := [2]int{}
	count := 0
	for result := range results {
		count++
		if result[1] > longest[1] {
			longest = result
		}
	}
	fmt.Println(count, longest)

	primes := func() []int {
		ch := make(chan int)
		go func(ch chan<- int) {
			for i := 2; ; i++ {
				ch <- i
			}
		}(ch)
		var found []int
		for range 60 {
			prime := <-ch
			found = append(found, prime)
			next := make(chan int)
			go func(in <-chan int, out chan<- int) {
				for {
					if i := <-in; i%prime != 0 {
						out <- i
					}
				}
			}(ch, next)
			ch = next
		}
		return found
	}()
	fmt.Println(primes[50:])

	var total atomic.Int64
	var lock sync.Mutex
	seen := map[int]bool{}
	var once sync.Once
	for i := range 100 {
		group.Add(1)
		go func() {
			defer group.Done()
			once.Do(func() { total.Add(1000) })
			runtime.Gosched()
			total.Add(int64(i))
			lock.Lock()
			defer lock.Unlock()
			seen[i] = true
		}()
	}
	group.Wait()
	fmt.Println(total.Load(), len(seen))

	limited, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	begun := time.Now()
	select {
	case <-limited.Done():
		fmt.Println(limited.Err(), time.Since(begun) >= 20*time.Millisecond)
	case <-time.After(10 * time.Second):
		fmt.Println("too late")
	}
	ticker := time.NewTicker(time.Millisecond)
	for range 3 {
		<-ticker.C
	}
	ticker.Stop()
}

type item struct {
	Name  string         `json:"name"`
	Price float64        `json:"price,omitempty"`
	Tags  []string       `json:"tags"`
	More  map[string]any `json:"more,omitempty"`
	inner int
}

func libraries() {
	section("libraries")
	text, err := json.MarshalIndent([]item{{"ü<x>", 1.5, nil, map[string]any{"b": 1, "a": []int{1}}, 3}, {Name: "y"}}, "", " ")
	check(err)
	fmt.Println(string(text))
	var back []item
	check(json.Unmarshal(text, &back))
	fmt.Printf("%+v\n", back)
	fmt.Println(json.Unmarshal([]byte(`{"name": 3}`), &item{}))
	fmt.Println(json.Unmarshal([]byte(`[1, 2`), &[]int{}))

	message := bytes.Repeat([]byte("Bailiwick "), 10_000)
	fmt.Println(hex.EncodeToString(sumOf(message)), crc32.ChecksumIEEE(message))
	fmt.Printf("%x\n", sha512.Sum512(message))
	block, err := aes.NewCipher([]byte("0123456789abcdef"))
	check(err)
	sealer, err := cipher.NewGCM(block)
	check(err)
	sealed := sealer.Seal(nil, make([]byte, 12), message[:40], nil)
	opened, err := sealer.Open(nil, make([]byte, 12), sealed, nil)
	fmt.Println(base64.StdEncoding.EncodeToString(sealed), bytes.Equal(opened, message[:40]), err)
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	signature := ed25519.Sign(private, message)
	fmt.Println(hex.EncodeToString(signature), ed25519.Verify(private.Public().(ed25519.PublicKey), message, signature))

	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	_, err = writer.Write(message)
	check(err)
	check(writer.Close())
	size := packed.Len()
	reader, err := gzip.NewReader(&packed)
	check(err)
	unpacked, err := io.ReadAll(reader)
	check(err)
	fmt.Println(size, bytes.Equal(unpacked, message))

	product := big.NewInt(1)
	for i := int64(2); i <= 200; i++ {
		product.Mul(product, big.NewInt(i))
	}
	fmt.Println(product, product.BitLen(), new(big.Int).Exp(big.NewInt(3), big.NewInt(1000), big.NewInt(1_000_000_007)))
	fmt.Println(new(big.Rat).SetFrac64(22, 7), math.Sqrt(2), math.Pow(0.1, 3), math.FMA(0.1, 10, -1), math.Inf(-1), math.NaN())
	hi, lo := bits.Mul64(math.MaxUint64, 12345)
	fmt.Println(hi, lo, bits.LeadingZeros32(77), bits.TrailingZeros64(1<<40), bits.OnesCount(0xbeef), bits.RotateLeft8(0x81, 1))
	fmt.Println(regexp.MustCompile(`(\w+)@(\w+)\.org`).ReplaceAllString("me@here.org, you@there.org", "$2:$1"))
	fmt.Println(binary.BigEndian.AppendUint32(nil, 0xdeadbeef), reflect.TypeOf(item{}).Field(1).Tag.Get("json"))
	when := time.Date(2026, 1, 31, 12, 30, 0, 5e6, time.UTC)
	fmt.Println(when.Format(time.RFC3339Nano), when.AddDate(0, 1, 0).Weekday(), when.Unix(), when.YearDay())
	check(template.Must(template.New("t").Parse("{{range $i, $w := .}}{{if $i}}, {{end}}{{$w | printf \"%5s\"}}{{end}}\n")).
		Execute(os.Stdout, []string{"a", "bb", "ccc"}))
}

func sumOf(message []byte) []byte {
	sum := sha256.Sum256(message)
	return sum[:]
}

// Go's own parser, of this file.
func itself() {
	section("its own source")
	file, err := parser.ParseFile(token.NewFileSet(), folder+"/guest.go", nil, 0)
	check(err)
	nodes, calls := 0, map[string]int{}
	ast.Inspect(file, func(node ast.Node) bool {
		nodes++
		if call, ok := node.(*ast.CallExpr); ok {
			if called, ok := call.Fun.(*ast.SelectorExpr); ok {
				calls[called.Sel.Name]++
			}
		}
		return true
	})
	fmt.Println(nodes > 4000, calls["Println"] > 30, len(file.Imports))
}

func files() {
	section("files")
	check(os.MkdirAll(folder+"/made/deep", 0o755))
	file, err := os.Create(folder + "/made/lines")
	check(err)
	writer := bufio.NewWriter(file)
	for i := range 10_000 {
		fmt.Fprintf(writer, "line %d\n", i)
	}
	check(writer.Flush())
	_, err = file.Seek(-5, io.SeekEnd)
	check(err)
	rest, err := io.ReadAll(file)
	check(err)
	check(file.Close())
	fmt.Printf("%q\n", rest)
	check(os.Rename(folder+"/made/lines", folder+"/made/deep/moved"))
	check(filepath.WalkDir(folder+"/made", func(path string, entry os.DirEntry, err error) error {
		fmt.Println(path, entry.IsDir(), err)
		return nil
	}))
	input := bufio.NewScanner(os.Stdin)
	lines := 0
	for input.Scan() {
		lines++
	}
	fmt.Println(lines, len(os.Args), os.Getenv("GREETING"))
}

type link struct {
	next *link
	data [100]byte
}

func collection() {
	section("collection")
	var kept *link
	for i := range 300_000 {
		made := &link{}
		made.data[i%100] = byte(i)
		if i%100 == 0 {
			made.next = kept
			kept = made
		}
	}
	runtime.GC()
	length, sum := 0, 0
	for ; kept != nil; kept = kept.next {
		length++
		sum += int(kept.data[0])
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	fmt.Println(length, sum, stats.NumGC > 0, stats.Mallocs > 300_000)
	var recurse func(int) int
	recurse = func(n int) int {
		if n == 0 {
			return 0
		}
		var pad [64]byte
		pad[n%64] = 1
		return recurse(n-1) + int(pad[n%64])
	}
	fmt.Println(recurse(100_000))
}

func main() {
	language()
	failures()
	sorting()
	concurrency()
	libraries()
	itself()
	files()
	collection()
	if len(os.Args) > 2 {
		var crash []int
		fmt.Fprintln(os.Stderr, "on purpose")
		_ = crash[len(os.Args)]
	}
	os.Exit(7)
}
