# A bit of most of Ruby: what it prints is the same under any other Ruby from 3.1 on.

require "digest"
require "json"
require "set"
require "stringio"
require "strscan"
require "time"

def section(name) = puts("== #{name}")

section "numbers"
puts 2**521 - 1, (1..60).inject(:*), 10**40 / 7**20, -7.divmod(2).inspect, 7.pow(10**18, 10**9 + 7)
puts Rational(355, 113) - Rational(22, 7), Complex(3, 4).abs, 0.1 + 0.2, 1e308 * 10, (0.0 / 0.0).nan?
puts Math.sqrt(2), Integer.sqrt(10**40), 255.to_s(36), "zz".to_i(36), 3.7 % -1.2, 1234.5678.round(-2)
digits = 120
# Machin's formula, in whole numbers.
unity = 10**(digits + 10)
arctan = lambda do |x|
  term = sum = unity / x
  n = 3
  sign = -1
  until term.zero?
    term /= x * x
    sum += sign * (term / n)
    sign = -sign
    n += 2
  end
  sum
end
puts (4 * (4 * arctan[5] - arctan[239]) / 10**10).to_s

section "collections"
seed = 1
numbers = Array.new(20_000) { seed = (seed * 1_103_515_245 + 12_345) % 2**31 }
sorted = numbers.sort
puts sorted == numbers.sort_by { |n| n } && sorted == numbers.sort { |x, y| y <=> x }.reverse
puts sorted.each_cons(2).all? { |x, y| x <= y }, sorted.bsearch { |n| n >= 2**30 }, numbers.minmax.inspect
puts numbers.group_by { |n| n % 7 }.map { |k, v| [k, v.size] }.sort.inspect
counts = Hash.new(0)
numbers.each { |n| counts[n.to_s[-2, 2]] += 1 }
puts counts.size, counts.max_by { |k, v| [v, k] }.inspect, counts.values.sum, counts.sort.first(3).inspect
puts (1..Float::INFINITY).lazy.select { |n| (2..Math.sqrt(n)).none? { |d| (n % d).zero? } }.first(12).inspect
puts [1, [2, [3, [4]]]].flatten.inspect, (1..5).each_slice(2).to_a.inspect, %w[a b c].each_with_index.to_a.inspect
puts [1, 2, 3].permutation.to_a.length, [1, 2, 3, 4].combination(2).to_a.inspect
puts [3, 1, 2].pack("n*").unpack("n*").inspect
puts Set[1, 2, 3].superset?(Set[1, 3]), (Set[1, 2] ^ Set[2, 3]).to_a.sort.inspect

section "strings"
text = "Der Zwölf-Boxkämpfer jagt Eva quer über den Sylter Deich"
puts text.length, text.bytesize, text.reverse, text.upcase, text.scan(/\p{L}+/).map(&:length).inspect
puts text.gsub(/(?<first>\w)(?<rest>\p{L}*)/) { "#{$~[:rest]}#{$~[:first]}" }
puts text =~ /über/, $`.length, text.tr("a-y", "b-z"), text.unpack1("H*")[0, 24], text.encode("UTF-16LE").bytesize
puts "%08.3f|%-6s|%+d|%x|%e" % [3.14159, "ab", 42, 48_879, 12_345.678]
puts "aXbXc".split("X", 2).inspect, "abc".succ, "az".succ, "Zz9".succ, "ab\u0301c".unicode_normalize(:nfc).length
puts "2026-01-31 x 1999-12-24".scan(/(\d{4})-(\d\d)-(\d\d)/).inspect, "foobar"[/o+(?=b)/], "a.b" !~ /\A\w+\z/
scanner = StringScanner.new("let x = 40 + 2;")
words = []
until scanner.eos?
  scanner.skip(/\s+/)
  words << (scanner.scan(/\w+/) || scanner.getch)
end
puts words.inspect

section "objects"
Point = Struct.new(:x, :y) do
  include Comparable
  def <=>(other) = x * x + y * y <=> other.x**2 + other.y**2
  def to_s = "(#{x}, #{y})"
end
puts [Point.new(3, 4), Point.new(1, 1), Point.new(0, 2)].sort.map(&:to_s).inspect, Point.new(1, 2) == Point.new(1, 2)
class Recorder
  def initialize = @calls = []
  def method_missing(name, *args, **options, &block)
    @calls << [name, args, options.to_a, block&.call]
    self
  end
  def respond_to_missing?(*) = true
  attr_reader :calls
end
puts Recorder.new.one(1).two(a: 2) { 3 }.calls.inspect
module Loud
  def greet = super.upcase + "!"
end
class Person
  prepend Loud
  def greet = "hello"
end
puts Person.new.greet, Person.ancestors.first(2).inspect, Person.instance_method(:greet).owner
case { name: "x", at: [1, 2] }
in { name: String => name, at: [Integer => first, *] }
  puts "#{name} #{first}"
end
compose = method(:Integer) >> ->(n) { n * 2 } >> :to_s.to_proc
puts compose.call("21"), [1, 2, 3].sum { _1 * 2 }, ObjectSpace.respond_to?(:each_object)
fiber = Fiber.new { |x| loop { x = Fiber.yield(x * 2) } }
puts fiber.resume(1), fiber.resume(21)
words = Enumerator.new { |y| %w[eins zwei drei].each { |w| y << w } }
puts words.next, words.next, words.next, (words.next rescue $!.class)

section "exceptions"
class Trouble < StandardError
  def initialize(what) = super("trouble with #{what}")
end
def deep(n) = n.zero? ? raise(Trouble, "depth") : deep(n - 1)
begin
  deep(500)
rescue Trouble => error
  puts error.message, error.backtrace.length > 500
ensure
  puts "ensured"
end
tries = 0
begin
  tries += 1
  raise ArgumentError, "again" if tries < 4
  puts "after #{tries} tries"
rescue ArgumentError
  retry
end
begin
  begin
    Integer("x")
  rescue ArgumentError => error
    raise Trouble, "a number"
  end
rescue Trouble => outer
  puts outer.message, outer.cause.class
end
puts catch(:found) { 10.times { |i| 10.times { |j| throw :found, [i, j] if i * j == 42 } } }.inspect
def early = [1, 2, 3].each { |n| return n if n == 2 }
puts early
def forever(n) = forever(n + 1)
begin
  forever(0)
rescue SystemStackError => error
  puts error.class
end
begin
  1 / 0
rescue ZeroDivisionError => error
  puts error.message
end

section "libraries"
data = { "list" => [1, 2.5, nil, true, "ü\n\u2028"], "nested" => { "a" => { "b" => [] } }, "big" => 2**70 }
json = JSON.generate(data)
puts json, JSON.parse(json) == data, JSON.pretty_generate([1, { "a" => "b" }])
begin
  JSON.parse('{"a": ')
rescue JSON::ParserError
  puts "not JSON"
end
puts Digest::SHA256.hexdigest("abc" * 10_000), Digest::MD5.hexdigest("")
puts Time.at(1_767_225_600).utc.iso8601, Time.utc(2024, 2, 29).yday, (Time.utc(2026, 1, 1) - Time.utc(2025, 1, 1)).to_i
puts Marshal.load(Marshal.dump([1, "two", :three, 4.0, 2**64, [{ five: 6 }.to_a]])).inspect
io = StringIO.new("a\nb\n")
puts io.each_line.map(&:chomp).inspect

section "files"
path = "/data/lines.txt"
File.write(path, (1..1000).map { |n| "line #{n}\n" }.join)
puts File.size(path), File.foreach(path).count, File.readlines(path, chomp: true).last
File.open(path, "r+") { |file| file.seek(-5, IO::SEEK_END); file.write("0000") }
puts File.read(path)[-6, 6].inspect, Dir.children("/data").sort.inspect
begin
  File.read("/etc/passwd")
rescue SystemCallError
  puts "no such thing"
end
File.delete(path)
puts File.exist?(path)

section "collection"
kept = (1..2000).map { |n| "kept #{n}" }
200_000.times { |n| "garbage #{n}" * 3 }
GC.start
puts kept.length, kept.last, GC.count.positive?, $stdin.read.split.tally.sort.inspect
