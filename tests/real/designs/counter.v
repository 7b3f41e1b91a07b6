// A counter with a synchronous load, a wrap limit and a carry out.
module counter #(
    parameter WIDTH = 12,
    parameter LIMIT = 2999
) (
    input                  clk,
    input                  rst,
    input                  enable,
    input                  load,
    input      [WIDTH-1:0] value,
    output reg [WIDTH-1:0] count,
    output                 carry
);
    assign carry = enable & (count == LIMIT);

    always @(posedge clk) begin
        if (rst)
            count <= 0;
        else if (load)
            count <= value;
        else if (carry)
            count <= 0;
        else if (enable)
            count <= count + 1'b1;
    end
endmodule
