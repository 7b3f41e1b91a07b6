;;! wit: adapter.wit
;;! functions: bailiwick::adapter[0]
;;! clif aarch64

;; An adapter of a function that passes a string, and is given back a list whose elements are looked at one by one. Each
;; range is checked once, against the length of the memory as it is then; each limit before anybody is asked for a place.
(module
  (import "a:b/i" "split" (func (param i32 i32 i32)))
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 0))

;; ==== clif aarch64
;; -- bailiwick::adapter[0]
;;   function u6:0(i64, i32, i32, i32) tail {
;;   ss0 = explicit_slot 64, align = 16
;;   ss1 = explicit_slot 64, align = 16
;;   sig0 = (i64, i64, i64) -> i64 system_v
;;   sig1 = (i64, i64, i64, i64, i64) -> i64 system_v
;;   sig2 = (i64) -> i64 system_v
;;   sig3 = (i64, i64, i64, i64, i64, i64) -> i64 system_v
;; block0(v0: i64, v1: i32, v2: i32, v3: i32):
;;   v7 = get_stack_pointer.i64
;;   v8 = load.i64 notrap aligned v0+96
;;   v9 = icmp ult v7, v8
;;   trapnz v9, stk_ovf
;;   v10 = uextend.i64 v3
;;   v11 = load.i32 notrap aligned v0+104
;;   brif v11, block3, block4
;; block4:
;;   v12 = load.i64 notrap aligned v0+72
;;   v13 = load.i64 notrap aligned v0+64
;;   v14 = load.i32 notrap aligned v12
;;   v15 = load.i32 notrap aligned v13+4
;;   v16 = bor v14, v15
;;   v17 = load.i64 notrap aligned v0+80
;;   v18 = uload8.i32 notrap aligned v17
;;   v19 = bor v16, v18
;;   v20 = load.i64 notrap aligned v0+88
;;   v21 = uload8.i32 notrap aligned v20
;;   v22 = bor v19, v21
;;   brif v22, block3, block5
;; block3 cold:
;;   v23 = stack_addr.i64 ss0
;;   store.i32 notrap aligned v1, v23
;;   store.i32 notrap aligned v2, v23+16
;;   store.i32 notrap aligned v3, v23+32
;;   v24 = load.i64 notrap aligned v0+24
;;   v25 = load.i64 notrap aligned v24
;;   v26 = call_indirect sig0, v25(v0, v10, v23)
;;   v27 = ireduce.i32 v26
;;   brif v27, block2, block5
;; block5:
;;   v28 = load.i64 notrap aligned v0+72
;;   v29 = iconst.i32 1
;;   store notrap aligned v29, v28  ; v29 = 1
;;   v30 = iconst.i64 0x1000_0000
;;   store notrap aligned v30, v0+112  ; v30 = 0x1000_0000
;;   v31 = iconst.i64 0x0100_0000
;;   store notrap aligned v31, v0+120  ; v31 = 0x0100_0000
;;   v32 = load.i64 notrap aligned v0+48
;;   v33 = iconst.i64 0
;;   v34 = icmp eq v32, v33  ; v33 = 0
;;   brif v34, block6, block7
;; block6 cold:
;;   v35 = iconst.i64 3
;;   v36 = iconst.i64 0
;;   v37 = iconst.i64 0
;;   jump block1(v35, v36, v37)  ; v35 = 3, v36 = 0, v37 = 0
;; block7:
;;   v38 = load.i64 notrap aligned v0+56
;;   v39 = iconst.i64 0
;;   v40 = icmp eq v38, v39  ; v39 = 0
;;   brif v40, block8, block9
;; block8 cold:
;;   v41 = iconst.i64 0x0100_0003
;;   v42 = iconst.i64 0
;;   v43 = iconst.i64 0
;;   jump block1(v41, v42, v43)  ; v41 = 0x0100_0003, v42 = 0, v43 = 0
;; block9:
;;   v44 = iconst.i64 8
;;   v45 = iconst.i32 3
;;   v46 = band.i32 v3, v45  ; v45 = 3
;;   brif v46, block10, block11
;; block10 cold:
;;   v47 = iconst.i64 0x0002_0000_0405
;;   v48 = uextend.i64 v3
;;   v49 = iconst.i64 4
;;   jump block1(v47, v48, v49)  ; v47 = 0x0002_0000_0405, v49 = 4
;; block11:
;;   v50 = uextend.i64 v3
;;   v51 = iadd v50, v44  ; v44 = 8
;;   v52 = load.i64 notrap aligned v0+48
;;   v53 = load.i64 notrap aligned v52+8
;;   v54 = icmp ugt v51, v53
;;   brif v54, block12, block13
;; block12 cold:
;;   v55 = iconst.i64 0x0002_0000_0404
;;   jump block1(v55, v50, v44)  ; v55 = 0x0002_0000_0404, v44 = 8
;; block13:
;;   v56 = uextend.i64 v2
;;   v57 = iconst.i64 0x0fff_ffff
;;   v58 = icmp ugt v56, v57  ; v57 = 0x0fff_ffff
;;   brif v58, block14, block15
;; block14 cold:
;;   v59 = iconst.i64 0x0001_0000_0106
;;   v60 = iconst.i64 0
;;   jump block1(v59, v56, v60)  ; v59 = 0x0001_0000_0106, v60 = 0
;; block15:
;;   v61 = uextend.i64 v1
;;   v62 = iadd v61, v56
;;   v63 = load.i64 notrap aligned v0+48
;;   v64 = load.i64 notrap aligned v63+8
;;   v65 = icmp ugt v62, v64
;;   brif v65, block16, block17
;; block16 cold:
;;   v66 = iconst.i64 0x0001_0000_0104
;;   jump block1(v66, v61, v56)  ; v66 = 0x0001_0000_0104
;; block17:
;;   v67 = load.i64 notrap aligned v0+112
;;   v68 = icmp.i64 ugt v56, v67
;;   brif v68, block18, block19
;; block18 cold:
;;   v69 = iconst.i64 0x0001_0000_0009
;;   v70 = iconst.i64 0
;;   v71 = iconst.i64 0
;;   jump block1(v69, v70, v71)  ; v69 = 0x0001_0000_0009, v70 = 0, v71 = 0
;; block19:
;;   v72 = isub.i64 v67, v56
;;   store notrap aligned v72, v0+112
;;   v73 = iconst.i32 0
;;   v74 = iconst.i32 1
;;   v75 = ireduce.i32 v56
;;   v76 = stack_addr.i64 ss1
;;   store notrap aligned v73, v76  ; v73 = 0
;;   store notrap aligned v73, v76+16  ; v73 = 0
;;   store notrap aligned v74, v76+32  ; v74 = 1
;;   store notrap aligned v75, v76+48
;;   v77 = load.i64 notrap aligned v0+72
;;   v78 = iconst.i32 1
;;   store notrap aligned v78, v77+4  ; v78 = 1
;;   v79 = iconst.i64 160
;;   v80 = stack_addr.i64 ss1
;;   v81 = load.i64 notrap aligned v0+24
;;   v82 = load.i64 notrap aligned v81+8
;;   v83 = call_indirect sig0, v82(v0, v79, v80)  ; v79 = 160
;;   v84 = ireduce.i32 v83
;;   v85 = load.i64 notrap aligned v0+72
;;   v86 = iconst.i32 0
;;   store notrap aligned v86, v85+4  ; v86 = 0
;;   brif v84, block20, block21
;; block20 cold:
;;   v87 = iconst.i64 0x0001_0100_0001
;;   v88 = iconst.i64 1
;;   v89 = iconst.i64 0
;;   jump block1(v87, v88, v89)  ; v87 = 0x0001_0100_0001, v88 = 1, v89 = 0
;; block21:
;;   v90 = stack_addr.i64 ss1
;;   v91 = load.i32 notrap aligned v90
;;   v92 = uextend.i64 v91
;;   v93 = iadd v92, v56
;;   v94 = load.i64 notrap aligned v0+56
;;   v95 = load.i64 notrap aligned v94+8
;;   v96 = icmp ugt v93, v95
;;   brif v96, block22, block23
;; block22 cold:
;;   v97 = iconst.i64 0x0001_0100_0504
;;   jump block1(v97, v92, v56)  ; v97 = 0x0001_0100_0504
;; block23:
;;   brif.i64 v56, block24, block25
;; block24:
;;   v98 = uextend.i64 v1
;;   v99 = uextend.i64 v91
;;   v100 = iconst.i64 0
;;   v101 = load.i64 notrap aligned v0+24
;;   v102 = load.i64 notrap aligned v101+24
;;   v103 = call_indirect sig1, v102(v0, v100, v98, v99, v56)  ; v100 = 0
;;   v104 = ireduce.i32 v103
;;   brif v104, block26, block27
;; block26 cold:
;;   v105 = iconst.i64 0x0001_0000_0002
;;   v106 = iconst.i64 0
;;   v107 = iconst.i64 0
;;   jump block1(v105, v106, v107)  ; v105 = 0x0001_0000_0002, v106 = 0, v107 = 0
;; block27:
;;   jump block25
;; block25:
;;   v108 = stack_addr.i64 ss0
;;   store.i32 notrap aligned v91, v108
;;   store.i32 notrap aligned v2, v108+16
;;   v109 = iconst.i64 128
;;   v110 = stack_addr.i64 ss0
;;   v111 = load.i64 notrap aligned v0+24
;;   v112 = load.i64 notrap aligned v111+8
;;   v113 = call_indirect sig0, v112(v0, v109, v110)  ; v109 = 128
;;   v114 = ireduce.i32 v113
;;   brif v114, block28, block29
;; block28 cold:
;;   v115 = iconst.i64 0x0101_0001
;;   v116 = iconst.i64 0
;;   v117 = iconst.i64 0
;;   jump block1(v115, v116, v117)  ; v115 = 0x0101_0001, v116 = 0, v117 = 0
;; block29:
;;   v118 = stack_addr.i64 ss0
;;   v119 = load.i32 notrap aligned v118
;;   v120 = iconst.i64 8
;;   v121 = iconst.i32 3
;;   v122 = band.i32 v3, v121  ; v121 = 3
;;   brif v122, block30, block31
;; block30 cold:
;;   v123 = iconst.i64 0x0002_0002_0405
;;   v124 = uextend.i64 v3
;;   v125 = iconst.i64 4
;;   jump block1(v123, v124, v125)  ; v123 = 0x0002_0002_0405, v125 = 4
;; block31:
;;   v126 = uextend.i64 v3
;;   v127 = iadd v126, v120  ; v120 = 8
;;   v128 = load.i64 notrap aligned v0+48
;;   v129 = load.i64 notrap aligned v128+8
;;   v130 = icmp ugt v127, v129
;;   brif v130, block32, block33
;; block32 cold:
;;   v131 = iconst.i64 0x0002_0002_0404
;;   jump block1(v131, v126, v120)  ; v131 = 0x0002_0002_0404, v120 = 8
;; block33:
;;   v132 = iconst.i64 8
;;   v133 = iconst.i32 3
;;   v134 = band.i32 v119, v133  ; v133 = 3
;;   brif v134, block34, block35
;; block34 cold:
;;   v135 = iconst.i64 0x0002_0102_0405
;;   v136 = uextend.i64 v119
;;   v137 = iconst.i64 4
;;   jump block1(v135, v136, v137)  ; v135 = 0x0002_0102_0405, v137 = 4
;; block35:
;;   v138 = uextend.i64 v119
;;   v139 = iadd v138, v132  ; v132 = 8
;;   v140 = load.i64 notrap aligned v0+56
;;   v141 = load.i64 notrap aligned v140+8
;;   v142 = icmp ugt v139, v141
;;   brif v142, block36, block37
;; block36 cold:
;;   v143 = iconst.i64 0x0002_0102_0404
;;   jump block1(v143, v138, v132)  ; v143 = 0x0002_0102_0404, v132 = 8
;; block37:
;;   v144 = load.i64 notrap aligned v0+112
;;   v145 = icmp.i64 ugt v132, v144  ; v132 = 8
;;   brif v145, block38, block39
;; block38 cold:
;;   v146 = iconst.i64 0x0002_0102_0009
;;   v147 = iconst.i64 0
;;   v148 = iconst.i64 0
;;   jump block1(v146, v147, v148)  ; v146 = 0x0002_0102_0009, v147 = 0, v148 = 0
;; block39:
;;   v149 = isub.i64 v144, v132  ; v132 = 8
;;   store notrap aligned v149, v0+112
;;   v150 = load.i64 notrap aligned v0+56
;;   v151 = load.i64 notrap aligned v150
;;   v152 = uextend.i64 v119
;;   v153 = iadd v151, v152
;;   v154 = load.i64 notrap aligned v0+48
;;   v155 = load.i64 notrap aligned v154
;;   v156 = uextend.i64 v3
;;   v157 = iadd v155, v156
;;   v158 = load.i32 notrap aligned v153
;;   v159 = load.i32 notrap aligned v153+4
;;   v160 = uextend.i64 v159
;;   v161 = iconst.i64 4
;;   v162 = imul v160, v161  ; v161 = 4
;;   v163 = iconst.i64 0x0fff_ffff
;;   v164 = icmp ugt v162, v163  ; v163 = 0x0fff_ffff
;;   brif v164, block40, block41
;; block40 cold:
;;   v165 = iconst.i64 0x0002_0102_0206
;;   v166 = iconst.i64 0
;;   jump block1(v165, v162, v166)  ; v165 = 0x0002_0102_0206, v166 = 0
;; block41:
;;   v167 = iconst.i32 3
;;   v168 = band.i32 v158, v167  ; v167 = 3
;;   brif v168, block42, block43
;; block42 cold:
;;   v169 = iconst.i64 0x0002_0102_0205
;;   v170 = uextend.i64 v158
;;   v171 = iconst.i64 4
;;   jump block1(v169, v170, v171)  ; v169 = 0x0002_0102_0205, v171 = 4
;; block43:
;;   v172 = uextend.i64 v158
;;   v173 = iadd v172, v162
;;   v174 = load.i64 notrap aligned v0+56
;;   v175 = load.i64 notrap aligned v174+8
;;   v176 = icmp ugt v173, v175
;;   brif v176, block44, block45
;; block44 cold:
;;   v177 = iconst.i64 0x0002_0102_0204
;;   jump block1(v177, v172, v162)  ; v177 = 0x0002_0102_0204
;; block45:
;;   v178 = load.i64 notrap aligned v0+112
;;   v179 = icmp.i64 ugt v162, v178
;;   brif v179, block46, block47
;; block46 cold:
;;   v180 = iconst.i64 0x0002_0102_0009
;;   v181 = iconst.i64 0
;;   v182 = iconst.i64 0
;;   jump block1(v180, v181, v182)  ; v180 = 0x0002_0102_0009, v181 = 0, v182 = 0
;; block47:
;;   v183 = isub.i64 v178, v162
;;   store notrap aligned v183, v0+112
;;   v184 = iconst.i32 0
;;   v185 = iconst.i32 4
;;   v186 = ireduce.i32 v162
;;   v187 = stack_addr.i64 ss1
;;   store notrap aligned v184, v187  ; v184 = 0
;;   store notrap aligned v184, v187+16  ; v184 = 0
;;   store notrap aligned v185, v187+32  ; v185 = 4
;;   store notrap aligned v186, v187+48
;;   v188 = load.i64 notrap aligned v0+64
;;   v189 = iconst.i32 1
;;   store notrap aligned v189, v188+4  ; v189 = 1
;;   v190 = iconst.i64 224
;;   v191 = stack_addr.i64 ss1
;;   v192 = load.i64 notrap aligned v0+24
;;   v193 = load.i64 notrap aligned v192+8
;;   v194 = call_indirect sig0, v193(v0, v190, v191)  ; v190 = 224
;;   v195 = ireduce.i32 v194
;;   v196 = load.i64 notrap aligned v0+64
;;   v197 = iconst.i32 0
;;   store notrap aligned v197, v196+4  ; v197 = 0
;;   brif v195, block48, block49
;; block48 cold:
;;   v198 = iconst.i64 0x0002_0002_0001
;;   v199 = iconst.i64 3
;;   v200 = iconst.i64 0
;;   jump block1(v198, v199, v200)  ; v198 = 0x0002_0002_0001, v199 = 3, v200 = 0
;; block49:
;;   v201 = stack_addr.i64 ss1
;;   v202 = load.i32 notrap aligned v201
;;   v203 = iconst.i32 3
;;   v204 = band v202, v203  ; v203 = 3
;;   brif v204, block50, block51
;; block50 cold:
;;   v205 = iconst.i64 0x0002_0002_0505
;;   v206 = uextend.i64 v202
;;   v207 = iconst.i64 4
;;   jump block1(v205, v206, v207)  ; v205 = 0x0002_0002_0505, v207 = 4
;; block51:
;;   v208 = uextend.i64 v202
;;   v209 = iadd v208, v162
;;   v210 = load.i64 notrap aligned v0+48
;;   v211 = load.i64 notrap aligned v210+8
;;   v212 = icmp ugt v209, v211
;;   brif v212, block52, block53
;; block52 cold:
;;   v213 = iconst.i64 0x0002_0002_0504
;;   jump block1(v213, v208, v162)  ; v213 = 0x0002_0002_0504
;; block53:
;;   v214 = uextend.i64 v159
;;   v215 = iconst.i64 1
;;   v216 = imul v214, v215  ; v215 = 1
;;   v217 = load.i64 notrap aligned v0+120
;;   v218 = icmp ugt v216, v217
;;   brif v218, block54, block55
;; block54 cold:
;;   v219 = iconst.i64 0x0002_0102_000a
;;   v220 = iconst.i64 0
;;   v221 = iconst.i64 0
;;   jump block1(v219, v220, v221)  ; v219 = 0x0002_0102_000a, v220 = 0, v221 = 0
;; block55:
;;   v222 = isub.i64 v217, v216
;;   store notrap aligned v222, v0+120
;;   v223 = iconst.i64 -1
;;   v224 = iadd.i64 v217, v223  ; v223 = -1
;;   v225 = iconst.i64 -1
;;   v226 = iadd v222, v225  ; v225 = -1
;;   v227 = bxor v224, v226
;;   v228 = iconst.i64 16
;;   v229 = ushr v227, v228  ; v228 = 16
;;   brif v229, block56, block57
;; block56 cold:
;;   v230 = load.i64 notrap aligned v0+24
;;   v231 = load.i64 notrap aligned v230+48
;;   v232 = call_indirect sig2, v231(v0)
;;   v233 = ireduce.i32 v232
;;   brif v233, block58, block59
;; block58 cold:
;;   v234 = iconst.i64 0x0002_0102_0002
;;   v235 = iconst.i64 0
;;   v236 = iconst.i64 0
;;   jump block1(v234, v235, v236)  ; v234 = 0x0002_0102_0002, v235 = 0, v236 = 0
;; block59:
;;   jump block57
;; block57:
;;   v237 = load.i64 notrap aligned v0+56
;;   v238 = load.i64 notrap aligned v237
;;   v239 = uextend.i64 v158
;;   v240 = iadd v238, v239
;;   v241 = load.i64 notrap aligned v0+48
;;   v242 = load.i64 notrap aligned v241
;;   v243 = uextend.i64 v202
;;   v244 = iadd v242, v243
;;   v248 = iconst.i64 0
;;   jump block60(v240, v244, v248)  ; v248 = 0
;; block60(v245: i64, v246: i64, v247: i64):
;;   v249 = icmp ult v247, v214
;;   brif v249, block61, block62
;; block61:
;;   v250 = load.i32 notrap aligned v245
;;   v251 = iconst.i32 -55296
;;   v252 = iadd v250, v251  ; v251 = -55296
;;   v253 = iconst.i32 2048
;;   v254 = icmp ult v252, v253  ; v253 = 2048
;;   v255 = iconst.i32 0x0010_ffff
;;   v256 = icmp ugt v250, v255  ; v255 = 0x0010_ffff
;;   v257 = bor v254, v256
;;   brif v257, block63, block64
;; block63 cold:
;;   v258 = iconst.i64 0x0003_0102_0007
;;   v259 = uextend.i64 v250
;;   v260 = iconst.i64 0
;;   jump block1(v258, v259, v260)  ; v258 = 0x0003_0102_0007, v260 = 0
;; block64:
;;   store.i32 notrap aligned v250, v246
;;   v261 = iconst.i64 1
;;   v262 = iadd.i64 v247, v261  ; v261 = 1
;;   v263 = iconst.i64 0xffff
;;   v264 = band v262, v263  ; v263 = 0xffff
;;   v265 = iconst.i64 0
;;   v266 = icmp eq v264, v265  ; v265 = 0
;;   brif v266, block65, block66
;; block65 cold:
;;   v267 = load.i64 notrap aligned v0+24
;;   v268 = load.i64 notrap aligned v267+48
;;   v269 = call_indirect sig2, v268(v0)
;;   v270 = ireduce.i32 v269
;;   brif v270, block67, block68
;; block67 cold:
;;   v271 = iconst.i64 0x0002_0102_0002
;;   v272 = iconst.i64 0
;;   v273 = iconst.i64 0
;;   jump block1(v271, v272, v273)  ; v271 = 0x0002_0102_0002, v272 = 0, v273 = 0
;; block68:
;;   jump block66
;; block66:
;;   v274 = iconst.i64 4
;;   v275 = iadd.i64 v245, v274  ; v274 = 4
;;   v276 = iconst.i64 4
;;   v277 = iadd.i64 v246, v276  ; v276 = 4
;;   jump block60(v275, v277, v262)
;; block62:
;;   store.i32 notrap aligned v202, v157
;;   store.i32 notrap aligned v159, v157+4
;;   v278 = load.i64 notrap aligned v0+208
;;   brif v278, block69, block70
;; block69:
;;   v279 = load.i64 notrap aligned v0+72
;;   v280 = iconst.i32 1
;;   store notrap aligned v280, v279+4  ; v280 = 1
;;   v281 = iconst.i64 192
;;   v282 = stack_addr.i64 ss0
;;   v283 = load.i64 notrap aligned v0+24
;;   v284 = load.i64 notrap aligned v283+8
;;   v285 = call_indirect sig0, v284(v0, v281, v282)  ; v281 = 192
;;   v286 = ireduce.i32 v285
;;   v287 = load.i64 notrap aligned v0+72
;;   v288 = iconst.i32 0
;;   store notrap aligned v288, v287+4  ; v288 = 0
;;   brif v286, block71, block72
;; block71 cold:
;;   v289 = iconst.i64 0x0103_0001
;;   v290 = iconst.i64 2
;;   v291 = iconst.i64 0
;;   jump block1(v289, v290, v291)  ; v289 = 0x0103_0001, v290 = 2, v291 = 0
;; block72:
;;   jump block70
;; block70:
;;   v292 = load.i64 notrap aligned v0+72
;;   v293 = iconst.i32 0
;;   store notrap aligned v293, v292  ; v293 = 0
;;   v294 = load.i32 notrap aligned v0+104
;;   v295 = iconst.i32 2
;;   v296 = band v294, v295  ; v295 = 2
;;   brif v296, block73, block74
;; block73:
;;   v297 = load.i64 notrap aligned v0+24
;;   v298 = load.i64 notrap aligned v297+64
;;   v299 = call_indirect sig2, v298(v0)
;;   jump block74
;; block74:
;;   return
;; block1(v4: i64, v5: i64, v6: i64) cold:
;;   v300 = stack_addr.i64 ss0
;;   v301 = load.i64 notrap aligned v0+24
;;   v302 = load.i64 notrap aligned v301+56
;;   v303 = call_indirect sig3, v302(v0, v4, v5, v6, v10, v300)
;;   jump block2
;; block2 cold:
;;   v304 = stack_addr.i64 ss0
;;   return
;;   }
