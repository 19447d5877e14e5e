// Before `npm pack` and `npm publish` in the repository, whose package.json describes the repository.
process.stderr.write('The package is made in dist/: npm run bundle, then npm pack ./dist or npm publish ./dist\n')
process.exitCode = 1
