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
;;   v30 = load.i32 notrap aligned v0+108
;;   v31 = uextend.i64 v30
;;   store notrap aligned v31, v0+112
;;   v32 = iconst.i64 4
;;   v33 = ushr v31, v32  ; v32 = 4
;;   store notrap aligned v33, v0+120
;;   v34 = load.i64 notrap aligned v0+48
;;   v35 = iconst.i64 0
;;   v36 = icmp eq v34, v35  ; v35 = 0
;;   brif v36, block6, block7
;; block6 cold:
;;   v37 = iconst.i64 3
;;   v38 = iconst.i64 0
;;   v39 = iconst.i64 0
;;   jump block1(v37, v38, v39)  ; v37 = 3, v38 = 0, v39 = 0
;; block7:
;;   v40 = load.i64 notrap aligned v0+56
;;   v41 = iconst.i64 0
;;   v42 = icmp eq v40, v41  ; v41 = 0
;;   brif v42, block8, block9
;; block8 cold:
;;   v43 = iconst.i64 0x0100_0003
;;   v44 = iconst.i64 0
;;   v45 = iconst.i64 0
;;   jump block1(v43, v44, v45)  ; v43 = 0x0100_0003, v44 = 0, v45 = 0
;; block9:
;;   v46 = iconst.i64 8
;;   v47 = iconst.i32 3
;;   v48 = band.i32 v3, v47  ; v47 = 3
;;   brif v48, block10, block11
;; block10 cold:
;;   v49 = iconst.i64 0x0002_0000_0405
;;   v50 = uextend.i64 v3
;;   v51 = iconst.i64 4
;;   jump block1(v49, v50, v51)  ; v49 = 0x0002_0000_0405, v51 = 4
;; block11:
;;   v52 = uextend.i64 v3
;;   v53 = iadd v52, v46  ; v46 = 8
;;   v54 = load.i64 notrap aligned v0+48
;;   v55 = load.i64 notrap aligned v54+8
;;   v56 = icmp ugt v53, v55
;;   brif v56, block12, block13
;; block12 cold:
;;   v57 = iconst.i64 0x0002_0000_0404
;;   jump block1(v57, v52, v46)  ; v57 = 0x0002_0000_0404, v46 = 8
;; block13:
;;   v58 = uextend.i64 v2
;;   v59 = iconst.i64 0x0fff_ffff
;;   v60 = icmp ugt v58, v59  ; v59 = 0x0fff_ffff
;;   brif v60, block14, block15
;; block14 cold:
;;   v61 = iconst.i64 0x0001_0000_0106
;;   v62 = iconst.i64 0
;;   jump block1(v61, v58, v62)  ; v61 = 0x0001_0000_0106, v62 = 0
;; block15:
;;   v63 = uextend.i64 v1
;;   v64 = iadd v63, v58
;;   v65 = load.i64 notrap aligned v0+48
;;   v66 = load.i64 notrap aligned v65+8
;;   v67 = icmp ugt v64, v66
;;   brif v67, block16, block17
;; block16 cold:
;;   v68 = iconst.i64 0x0001_0000_0104
;;   jump block1(v68, v63, v58)  ; v68 = 0x0001_0000_0104
;; block17:
;;   v69 = load.i64 notrap aligned v0+112
;;   v70 = icmp.i64 ugt v58, v69
;;   brif v70, block18, block19
;; block18 cold:
;;   v71 = iconst.i64 0x0001_0000_0009
;;   v72 = iconst.i64 0
;;   v73 = iconst.i64 0
;;   jump block1(v71, v72, v73)  ; v71 = 0x0001_0000_0009, v72 = 0, v73 = 0
;; block19:
;;   v74 = isub.i64 v69, v58
;;   store notrap aligned v74, v0+112
;;   v75 = iconst.i32 0
;;   v76 = iconst.i32 1
;;   v77 = ireduce.i32 v58
;;   v78 = stack_addr.i64 ss1
;;   store notrap aligned v75, v78  ; v75 = 0
;;   store notrap aligned v75, v78+16  ; v75 = 0
;;   store notrap aligned v76, v78+32  ; v76 = 1
;;   store notrap aligned v77, v78+48
;;   v79 = load.i64 notrap aligned v0+72
;;   v80 = iconst.i32 1
;;   store notrap aligned v80, v79+4  ; v80 = 1
;;   v81 = iconst.i64 160
;;   v82 = stack_addr.i64 ss1
;;   v83 = load.i64 notrap aligned v0+24
;;   v84 = load.i64 notrap aligned v83+8
;;   v85 = call_indirect sig0, v84(v0, v81, v82)  ; v81 = 160
;;   v86 = ireduce.i32 v85
;;   v87 = load.i64 notrap aligned v0+72
;;   v88 = iconst.i32 0
;;   store notrap aligned v88, v87+4  ; v88 = 0
;;   brif v86, block20, block21
;; block20 cold:
;;   v89 = iconst.i64 0x0001_0100_0001
;;   v90 = iconst.i64 1
;;   v91 = iconst.i64 0
;;   jump block1(v89, v90, v91)  ; v89 = 0x0001_0100_0001, v90 = 1, v91 = 0
;; block21:
;;   v92 = stack_addr.i64 ss1
;;   v93 = load.i32 notrap aligned v92
;;   v94 = uextend.i64 v93
;;   v95 = iadd v94, v58
;;   v96 = load.i64 notrap aligned v0+56
;;   v97 = load.i64 notrap aligned v96+8
;;   v98 = icmp ugt v95, v97
;;   brif v98, block22, block23
;; block22 cold:
;;   v99 = iconst.i64 0x0001_0100_0504
;;   jump block1(v99, v94, v58)  ; v99 = 0x0001_0100_0504
;; block23:
;;   v100 = iconst.i64 256
;;   v101 = icmp.i64 ugt v58, v100  ; v100 = 256
;;   brif v101, block24, block25
;; block25:
;;   v102 = load.i64 notrap aligned v0+48
;;   v103 = load.i64 notrap aligned v102
;;   v104 = uextend.i64 v1
;;   v105 = iadd v103, v104
;;   v106 = load.i64 notrap aligned v0+56
;;   v107 = load.i64 notrap aligned v106
;;   v108 = uextend.i64 v93
;;   v109 = iadd v107, v108
;;   v110 = iconst.i64 16
;;   v111 = icmp.i64 uge v58, v110  ; v110 = 16
;;   brif v111, block27, block28
;; block27:
;;   v112 = iconst.i64 -16
;;   v113 = iadd.i64 v58, v112  ; v112 = -16
;;   v114 = iconst.i64 0
;;   v115 = iadd.i64 v105, v114  ; v114 = 0
;;   v116 = load.i64x2 notrap v115
;;   v119 = iconst.i64 0
;;   jump block29(v119, v116)  ; v119 = 0
;; block29(v117: i64, v118: i64x2):
;;   v120 = iadd.i64 v105, v117
;;   v121 = load.i64x2 notrap v120
;;   v122 = bor v118, v121
;;   v123 = iconst.i64 16
;;   v124 = iadd v117, v123  ; v123 = 16
;;   v125 = icmp ult v124, v113
;;   brif v125, block29(v124, v122), block30
;; block30:
;;   v126 = iadd.i64 v105, v113
;;   v127 = load.i64x2 notrap v126
;;   v128 = bor.i64x2 v122, v127
;;   v129 = extractlane v128, 0
;;   v130 = extractlane v128, 1
;;   v131 = bor v129, v130
;;   v132 = iconst.i64 -9187201950435737472
;;   v133 = band v131, v132  ; v132 = -9187201950435737472
;;   brif v133, block24, block31
;; block31:
;;   v134 = iconst.i64 0
;;   v137 = iconst.i64 0
;;   jump block32(v137, v134)  ; v137 = 0, v134 = 0
;; block32(v135: i64, v136: i64):
;;   v138 = iadd.i64 v105, v135
;;   v139 = load.i64x2 notrap v138
;;   v140 = iadd.i64 v109, v135
;;   store notrap v139, v140
;;   v141 = iconst.i64 16
;;   v142 = iadd v135, v141  ; v141 = 16
;;   v143 = icmp ult v142, v113
;;   brif v143, block32(v142, v136), block33
;; block33:
;;   v144 = iadd.i64 v105, v113
;;   v145 = load.i64x2 notrap v144
;;   v146 = iadd.i64 v109, v113
;;   store notrap v145, v146
;;   jump block26
;; block28:
;;   v147 = iconst.i64 8
;;   v148 = icmp.i64 uge v58, v147  ; v147 = 8
;;   brif v148, block34, block35
;; block34:
;;   v149 = iconst.i64 0
;;   v150 = iconst.i64 -8
;;   v151 = iadd.i64 v58, v150  ; v150 = -8
;;   v152 = iadd.i64 v105, v149  ; v149 = 0
;;   v153 = load.i64 notrap v152
;;   v154 = iadd.i64 v105, v151
;;   v155 = load.i64 notrap v154
;;   v156 = bor v153, v155
;;   v157 = iconst.i64 -9187201950435737472
;;   v158 = band v156, v157  ; v157 = -9187201950435737472
;;   brif v158, block24, block36
;; block36:
;;   v159 = iadd.i64 v109, v149  ; v149 = 0
;;   store.i64 notrap v153, v159
;;   v160 = iadd.i64 v109, v151
;;   store.i64 notrap v155, v160
;;   jump block26
;; block35:
;;   v161 = iconst.i64 4
;;   v162 = icmp.i64 uge v58, v161  ; v161 = 4
;;   brif v162, block37, block38
;; block37:
;;   v163 = iconst.i64 0
;;   v164 = iconst.i64 -4
;;   v165 = iadd.i64 v58, v164  ; v164 = -4
;;   v166 = iadd.i64 v105, v163  ; v163 = 0
;;   v167 = load.i32 notrap v166
;;   v168 = iadd.i64 v105, v165
;;   v169 = load.i32 notrap v168
;;   v170 = bor v167, v169
;;   v171 = uextend.i64 v170
;;   v172 = iconst.i64 -9187201950435737472
;;   v173 = band v171, v172  ; v172 = -9187201950435737472
;;   brif v173, block24, block39
;; block39:
;;   v174 = iadd.i64 v109, v163  ; v163 = 0
;;   store.i32 notrap v167, v174
;;   v175 = iadd.i64 v109, v165
;;   store.i32 notrap v169, v175
;;   jump block26
;; block38:
;;   v176 = iconst.i64 1
;;   v177 = icmp.i64 uge v58, v176  ; v176 = 1
;;   brif v177, block40, block41
;; block40:
;;   v178 = iconst.i64 0
;;   v179 = iconst.i64 1
;;   v180 = ushr.i64 v58, v179  ; v179 = 1
;;   v181 = iconst.i64 -1
;;   v182 = iadd.i64 v58, v181  ; v181 = -1
;;   v183 = iadd.i64 v105, v178  ; v178 = 0
;;   v184 = load.i8 notrap v183
;;   v185 = iadd.i64 v105, v180
;;   v186 = load.i8 notrap v185
;;   v187 = iadd.i64 v105, v182
;;   v188 = load.i8 notrap v187
;;   v189 = bor v184, v186
;;   v190 = bor v189, v188
;;   v191 = uextend.i64 v190
;;   v192 = iconst.i64 -9187201950435737472
;;   v193 = band v191, v192  ; v192 = -9187201950435737472
;;   brif v193, block24, block42
;; block42:
;;   v194 = iadd.i64 v109, v178  ; v178 = 0
;;   store.i8 notrap v184, v194
;;   v195 = iadd.i64 v109, v180
;;   store.i8 notrap v186, v195
;;   v196 = iadd.i64 v109, v182
;;   store.i8 notrap v188, v196
;;   jump block26
;; block41:
;;   jump block26
;; block24:
;;   v197 = uextend.i64 v1
;;   v198 = uextend.i64 v93
;;   v199 = iconst.i64 0
;;   v200 = load.i64 notrap aligned v0+24
;;   v201 = load.i64 notrap aligned v200+24
;;   v202 = call_indirect sig1, v201(v0, v199, v197, v198, v58)  ; v199 = 0
;;   v203 = ireduce.i32 v202
;;   brif v203, block43, block44
;; block43 cold:
;;   v204 = iconst.i64 0x0001_0000_0002
;;   v205 = iconst.i64 0
;;   v206 = iconst.i64 0
;;   jump block1(v204, v205, v206)  ; v204 = 0x0001_0000_0002, v205 = 0, v206 = 0
;; block44:
;;   jump block26
;; block26:
;;   v207 = stack_addr.i64 ss0
;;   store.i32 notrap aligned v93, v207
;;   store.i32 notrap aligned v2, v207+16
;;   v208 = iconst.i64 128
;;   v209 = stack_addr.i64 ss0
;;   v210 = load.i64 notrap aligned v0+24
;;   v211 = load.i64 notrap aligned v210+8
;;   v212 = call_indirect sig0, v211(v0, v208, v209)  ; v208 = 128
;;   v213 = ireduce.i32 v212
;;   brif v213, block45, block46
;; block45 cold:
;;   v214 = iconst.i64 0x0101_0001
;;   v215 = iconst.i64 0
;;   v216 = iconst.i64 0
;;   jump block1(v214, v215, v216)  ; v214 = 0x0101_0001, v215 = 0, v216 = 0
;; block46:
;;   v217 = stack_addr.i64 ss0
;;   v218 = load.i32 notrap aligned v217
;;   v219 = iconst.i64 8
;;   v220 = iconst.i32 3
;;   v221 = band.i32 v3, v220  ; v220 = 3
;;   brif v221, block47, block48
;; block47 cold:
;;   v222 = iconst.i64 0x0002_0002_0405
;;   v223 = uextend.i64 v3
;;   v224 = iconst.i64 4
;;   jump block1(v222, v223, v224)  ; v222 = 0x0002_0002_0405, v224 = 4
;; block48:
;;   v225 = uextend.i64 v3
;;   v226 = iadd v225, v219  ; v219 = 8
;;   v227 = load.i64 notrap aligned v0+48
;;   v228 = load.i64 notrap aligned v227+8
;;   v229 = icmp ugt v226, v228
;;   brif v229, block49, block50
;; block49 cold:
;;   v230 = iconst.i64 0x0002_0002_0404
;;   jump block1(v230, v225, v219)  ; v230 = 0x0002_0002_0404, v219 = 8
;; block50:
;;   v231 = iconst.i64 8
;;   v232 = iconst.i32 3
;;   v233 = band.i32 v218, v232  ; v232 = 3
;;   brif v233, block51, block52
;; block51 cold:
;;   v234 = iconst.i64 0x0002_0102_0405
;;   v235 = uextend.i64 v218
;;   v236 = iconst.i64 4
;;   jump block1(v234, v235, v236)  ; v234 = 0x0002_0102_0405, v236 = 4
;; block52:
;;   v237 = uextend.i64 v218
;;   v238 = iadd v237, v231  ; v231 = 8
;;   v239 = load.i64 notrap aligned v0+56
;;   v240 = load.i64 notrap aligned v239+8
;;   v241 = icmp ugt v238, v240
;;   brif v241, block53, block54
;; block53 cold:
;;   v242 = iconst.i64 0x0002_0102_0404
;;   jump block1(v242, v237, v231)  ; v242 = 0x0002_0102_0404, v231 = 8
;; block54:
;;   v243 = load.i64 notrap aligned v0+112
;;   v244 = icmp.i64 ugt v231, v243  ; v231 = 8
;;   brif v244, block55, block56
;; block55 cold:
;;   v245 = iconst.i64 0x0002_0102_0009
;;   v246 = iconst.i64 0
;;   v247 = iconst.i64 0
;;   jump block1(v245, v246, v247)  ; v245 = 0x0002_0102_0009, v246 = 0, v247 = 0
;; block56:
;;   v248 = isub.i64 v243, v231  ; v231 = 8
;;   store notrap aligned v248, v0+112
;;   v249 = load.i64 notrap aligned v0+56
;;   v250 = load.i64 notrap aligned v249
;;   v251 = uextend.i64 v218
;;   v252 = iadd v250, v251
;;   v253 = load.i64 notrap aligned v0+48
;;   v254 = load.i64 notrap aligned v253
;;   v255 = uextend.i64 v3
;;   v256 = iadd v254, v255
;;   v257 = load.i32 notrap aligned v252
;;   v258 = load.i32 notrap aligned v252+4
;;   v259 = uextend.i64 v258
;;   v260 = iconst.i64 4
;;   v261 = imul v259, v260  ; v260 = 4
;;   v262 = iconst.i64 0x0fff_ffff
;;   v263 = icmp ugt v261, v262  ; v262 = 0x0fff_ffff
;;   brif v263, block57, block58
;; block57 cold:
;;   v264 = iconst.i64 0x0002_0102_0206
;;   v265 = iconst.i64 0
;;   jump block1(v264, v261, v265)  ; v264 = 0x0002_0102_0206, v265 = 0
;; block58:
;;   v266 = iconst.i32 3
;;   v267 = band.i32 v257, v266  ; v266 = 3
;;   brif v267, block59, block60
;; block59 cold:
;;   v268 = iconst.i64 0x0002_0102_0205
;;   v269 = uextend.i64 v257
;;   v270 = iconst.i64 4
;;   jump block1(v268, v269, v270)  ; v268 = 0x0002_0102_0205, v270 = 4
;; block60:
;;   v271 = uextend.i64 v257
;;   v272 = iadd v271, v261
;;   v273 = load.i64 notrap aligned v0+56
;;   v274 = load.i64 notrap aligned v273+8
;;   v275 = icmp ugt v272, v274
;;   brif v275, block61, block62
;; block61 cold:
;;   v276 = iconst.i64 0x0002_0102_0204
;;   jump block1(v276, v271, v261)  ; v276 = 0x0002_0102_0204
;; block62:
;;   v277 = load.i64 notrap aligned v0+112
;;   v278 = icmp.i64 ugt v261, v277
;;   brif v278, block63, block64
;; block63 cold:
;;   v279 = iconst.i64 0x0002_0102_0009
;;   v280 = iconst.i64 0
;;   v281 = iconst.i64 0
;;   jump block1(v279, v280, v281)  ; v279 = 0x0002_0102_0009, v280 = 0, v281 = 0
;; block64:
;;   v282 = isub.i64 v277, v261
;;   store notrap aligned v282, v0+112
;;   v283 = iconst.i32 0
;;   v284 = iconst.i32 4
;;   v285 = ireduce.i32 v261
;;   v286 = stack_addr.i64 ss1
;;   store notrap aligned v283, v286  ; v283 = 0
;;   store notrap aligned v283, v286+16  ; v283 = 0
;;   store notrap aligned v284, v286+32  ; v284 = 4
;;   store notrap aligned v285, v286+48
;;   v287 = load.i64 notrap aligned v0+64
;;   v288 = iconst.i32 1
;;   store notrap aligned v288, v287+4  ; v288 = 1
;;   v289 = iconst.i64 224
;;   v290 = stack_addr.i64 ss1
;;   v291 = load.i64 notrap aligned v0+24
;;   v292 = load.i64 notrap aligned v291+8
;;   v293 = call_indirect sig0, v292(v0, v289, v290)  ; v289 = 224
;;   v294 = ireduce.i32 v293
;;   v295 = load.i64 notrap aligned v0+64
;;   v296 = iconst.i32 0
;;   store notrap aligned v296, v295+4  ; v296 = 0
;;   brif v294, block65, block66
;; block65 cold:
;;   v297 = iconst.i64 0x0002_0002_0001
;;   v298 = iconst.i64 3
;;   v299 = iconst.i64 0
;;   jump block1(v297, v298, v299)  ; v297 = 0x0002_0002_0001, v298 = 3, v299 = 0
;; block66:
;;   v300 = stack_addr.i64 ss1
;;   v301 = load.i32 notrap aligned v300
;;   v302 = iconst.i32 3
;;   v303 = band v301, v302  ; v302 = 3
;;   brif v303, block67, block68
;; block67 cold:
;;   v304 = iconst.i64 0x0002_0002_0505
;;   v305 = uextend.i64 v301
;;   v306 = iconst.i64 4
;;   jump block1(v304, v305, v306)  ; v304 = 0x0002_0002_0505, v306 = 4
;; block68:
;;   v307 = uextend.i64 v301
;;   v308 = iadd v307, v261
;;   v309 = load.i64 notrap aligned v0+48
;;   v310 = load.i64 notrap aligned v309+8
;;   v311 = icmp ugt v308, v310
;;   brif v311, block69, block70
;; block69 cold:
;;   v312 = iconst.i64 0x0002_0002_0504
;;   jump block1(v312, v307, v261)  ; v312 = 0x0002_0002_0504
;; block70:
;;   v313 = uextend.i64 v258
;;   v314 = iconst.i64 1
;;   v315 = imul v313, v314  ; v314 = 1
;;   v316 = load.i64 notrap aligned v0+120
;;   v317 = icmp ugt v315, v316
;;   brif v317, block71, block72
;; block71 cold:
;;   v318 = iconst.i64 0x0002_0102_000a
;;   v319 = iconst.i64 0
;;   v320 = iconst.i64 0
;;   jump block1(v318, v319, v320)  ; v318 = 0x0002_0102_000a, v319 = 0, v320 = 0
;; block72:
;;   v321 = isub.i64 v316, v315
;;   store notrap aligned v321, v0+120
;;   v322 = iconst.i64 -1
;;   v323 = iadd.i64 v316, v322  ; v322 = -1
;;   v324 = iconst.i64 -1
;;   v325 = iadd v321, v324  ; v324 = -1
;;   v326 = bxor v323, v325
;;   v327 = iconst.i64 16
;;   v328 = ushr v326, v327  ; v327 = 16
;;   brif v328, block73, block74
;; block73 cold:
;;   v329 = load.i64 notrap aligned v0+24
;;   v330 = load.i64 notrap aligned v329+48
;;   v331 = call_indirect sig2, v330(v0)
;;   v332 = ireduce.i32 v331
;;   brif v332, block75, block76
;; block75 cold:
;;   v333 = iconst.i64 0x0002_0102_0002
;;   v334 = iconst.i64 0
;;   v335 = iconst.i64 0
;;   jump block1(v333, v334, v335)  ; v333 = 0x0002_0102_0002, v334 = 0, v335 = 0
;; block76:
;;   jump block74
;; block74:
;;   v336 = load.i64 notrap aligned v0+56
;;   v337 = load.i64 notrap aligned v336
;;   v338 = uextend.i64 v257
;;   v339 = iadd v337, v338
;;   v340 = load.i64 notrap aligned v0+48
;;   v341 = load.i64 notrap aligned v340
;;   v342 = uextend.i64 v301
;;   v343 = iadd v341, v342
;;   v347 = iconst.i64 0
;;   jump block77(v339, v343, v347)  ; v347 = 0
;; block77(v344: i64, v345: i64, v346: i64):
;;   v348 = icmp ult v346, v313
;;   brif v348, block78, block79
;; block78:
;;   v349 = load.i32 notrap aligned v344
;;   v350 = iconst.i32 -55296
;;   v351 = iadd v349, v350  ; v350 = -55296
;;   v352 = iconst.i32 2048
;;   v353 = icmp ult v351, v352  ; v352 = 2048
;;   v354 = iconst.i32 0x0010_ffff
;;   v355 = icmp ugt v349, v354  ; v354 = 0x0010_ffff
;;   v356 = bor v353, v355
;;   brif v356, block80, block81
;; block80 cold:
;;   v357 = iconst.i64 0x0003_0102_0007
;;   v358 = uextend.i64 v349
;;   v359 = iconst.i64 0
;;   jump block1(v357, v358, v359)  ; v357 = 0x0003_0102_0007, v359 = 0
;; block81:
;;   store.i32 notrap aligned v349, v345
;;   v360 = iconst.i64 1
;;   v361 = iadd.i64 v346, v360  ; v360 = 1
;;   v362 = iconst.i64 0xffff
;;   v363 = band v361, v362  ; v362 = 0xffff
;;   v364 = iconst.i64 0
;;   v365 = icmp eq v363, v364  ; v364 = 0
;;   brif v365, block82, block83
;; block82 cold:
;;   v366 = load.i64 notrap aligned v0+24
;;   v367 = load.i64 notrap aligned v366+48
;;   v368 = call_indirect sig2, v367(v0)
;;   v369 = ireduce.i32 v368
;;   brif v369, block84, block85
;; block84 cold:
;;   v370 = iconst.i64 0x0002_0102_0002
;;   v371 = iconst.i64 0
;;   v372 = iconst.i64 0
;;   jump block1(v370, v371, v372)  ; v370 = 0x0002_0102_0002, v371 = 0, v372 = 0
;; block85:
;;   jump block83
;; block83:
;;   v373 = iconst.i64 4
;;   v374 = iadd.i64 v344, v373  ; v373 = 4
;;   v375 = iconst.i64 4
;;   v376 = iadd.i64 v345, v375  ; v375 = 4
;;   jump block77(v374, v376, v361)
;; block79:
;;   store.i32 notrap aligned v301, v256
;;   store.i32 notrap aligned v258, v256+4
;;   v377 = load.i64 notrap aligned v0+208
;;   brif v377, block86, block87
;; block86:
;;   v378 = load.i64 notrap aligned v0+72
;;   v379 = iconst.i32 1
;;   store notrap aligned v379, v378+4  ; v379 = 1
;;   v380 = iconst.i64 192
;;   v381 = stack_addr.i64 ss0
;;   v382 = load.i64 notrap aligned v0+24
;;   v383 = load.i64 notrap aligned v382+8
;;   v384 = call_indirect sig0, v383(v0, v380, v381)  ; v380 = 192
;;   v385 = ireduce.i32 v384
;;   v386 = load.i64 notrap aligned v0+72
;;   v387 = iconst.i32 0
;;   store notrap aligned v387, v386+4  ; v387 = 0
;;   brif v385, block88, block89
;; block88 cold:
;;   v388 = iconst.i64 0x0103_0001
;;   v389 = iconst.i64 2
;;   v390 = iconst.i64 0
;;   jump block1(v388, v389, v390)  ; v388 = 0x0103_0001, v389 = 2, v390 = 0
;; block89:
;;   jump block87
;; block87:
;;   v391 = load.i64 notrap aligned v0+72
;;   v392 = load.i32 notrap aligned v391
;;   v393 = iconst.i32 -2
;;   v394 = band v392, v393  ; v393 = -2
;;   store notrap aligned v394, v391
;;   v395 = load.i32 notrap aligned v0+104
;;   v396 = iconst.i32 2
;;   v397 = band v395, v396  ; v396 = 2
;;   brif v397, block90, block91
;; block90:
;;   v398 = load.i64 notrap aligned v0+24
;;   v399 = load.i64 notrap aligned v398+64
;;   v400 = call_indirect sig2, v399(v0)
;;   jump block91
;; block91:
;;   return
;; block1(v4: i64, v5: i64, v6: i64) cold:
;;   v401 = stack_addr.i64 ss0
;;   v402 = load.i64 notrap aligned v0+24
;;   v403 = load.i64 notrap aligned v402+56
;;   v404 = call_indirect sig3, v403(v0, v4, v5, v6, v10, v401)
;;   jump block2
;; block2 cold:
;;   v405 = stack_addr.i64 ss0
;;   return
;;   }
