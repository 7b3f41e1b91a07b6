// A synchronous FIFO that keeps its words in flip-flops, with a sticky overflow flag.
module fifo #(
    parameter WIDTH = 8,
    parameter LOG2_DEPTH = 3
) (
    input                   clk,
    input                   rst,
    input                   push,
    input      [WIDTH-1:0]  in,
    input                   pop,
    output     [WIDTH-1:0]  out,
    output                  empty,
    output                  full,
    output [LOG2_DEPTH:0]   level,
    output reg              overflow
);
    reg [WIDTH-1:0]  words [0:(1 << LOG2_DEPTH)-1];
    reg [LOG2_DEPTH:0] head;
    reg [LOG2_DEPTH:0] tail;

    assign level = tail - head;
    assign empty = head == tail;
    assign full  = level[LOG2_DEPTH];
    assign out   = words[head[LOG2_DEPTH-1:0]];

    always @(posedge clk) begin
        if (rst) begin
            head <= 0;
            tail <= 0;
            overflow <= 0;
        end else begin
            if (push && !full) begin
                words[tail[LOG2_DEPTH-1:0]] <= in;
                tail <= tail + 1'b1;
            end
            if (pop && !empty)
                head <= head + 1'b1;
            if (push && full)
                overflow <= 1;
        end
    end
endmodule
